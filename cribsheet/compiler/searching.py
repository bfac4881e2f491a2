"""Run an optimizer, and turn what its code raises into a message."""

from types import ModuleType

from cribsheet.budget import BudgetExhausted, SearchStopped
from cribsheet.errors import CompileError, CribsheetError, told
from cribsheet.evaluation.places import place_of
from cribsheet.search.study import Study


def run_search(optimizer: ModuleType, study: Study, *, name: str) -> None:
    """Run the optimizer's `search(study)`.

    Raises:
        BudgetExhausted, SearchStopped: the search ends here, with what it has found.
        CompileError: the optimizer has no `search`, or its code raised.
    """
    search = getattr(optimizer, "search", None)
    if not callable(search):
        raise CompileError(
            f"The optimizer {name!r} has no function search(study), but search = {search!r}. Add one to "
            f"{optimizer.__file__}."
        )
    try:
        search(study)
    except (BudgetExhausted, SearchStopped, CribsheetError):
        raise
    except Exception as error:
        place = place_of(error)
        raise CompileError(
            f"The search of the optimizer {name!r} raised {told(error)}{f' ({place})' if place else ''}. Correct it, "
            "then run the command again; the completions so far are in the cache."
        ) from error
