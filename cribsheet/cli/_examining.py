"""Show the capabilities of a model."""

from contextlib import closing

from cribsheet.cli._terminal import note, print_json, stdout
from cribsheet.models import Model, Sampling, open_model
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.models.capabilities import Probed, Told, described, refusals_in_words
from cribsheet.prompts import Option, Prompt, Question
from cribsheet.report.tables import facts_table
from cribsheet.workspace import current_workspace

_IN_PROCESS = {
    "server": "none: it runs in this process",
    "chats": "yes; any number of log-probabilities",
    "raw completions": "yes; any number of log-probabilities",
    "tokenizer": "its own",
}
_WRITES_NOTHING = "no: it writes no text"
_ONLY_DECIDES = {
    "decisions": "yes; a probability for each option",
    "chats": _WRITES_NOTHING,
    "raw completions": _WRITES_NOTHING,
}
_QUESTION = Prompt(
    text="The soup was cold.",
    question=Question(
        type="choice",
        name="sentiment",
        instructions="Is this praise or blame?",
        options=(Option(word="praise"), Option(word="blame")),
    ),
)


def examine(name: str, *, api_base: str | None, timeout: float, context_window: int | None, as_json: bool) -> None:
    """Probe what a model can do, show it, and store it for later compiles.

    Raises:
        ModelError: if the model does not answer.
    """
    opened = open_model(name, api_base=api_base, context_window=context_window, timeout=timeout, notice=note)
    with closing(opened), closing(CompletionCache(current_workspace().cache)) as cache:
        model = CachedModel(opened, cache)
        note(f"asking {model.endpoint or name} what it can do")
        model.start(probes=True, anew=True)
        known = model.capabilities
        if model.only_decides:
            _check_decides(opened)
            known = None
        elif known is None and isinstance(opened, Probed):  # a hosted model, whose capabilities are not stored
            known = opened.probe(Told())
        if as_json:
            print_json({**_identity(model), "capabilities": known.model_dump(mode="json") if known else None})
            return
        facts = dict(described(known)) if known else _ONLY_DECIDES if model.only_decides else _IN_PROCESS
        stdout().print(facts_table({**{key: str(value) for key, value in _identity(model).items()}, **facts}))
        for text in refusals_in_words(known, (), name):
            note(f"Note: {text}")


def _check_decides(model: Model) -> None:
    """Ask a decision model one question, so that a server which cannot answer it is found out."""
    if not model.complete(_QUESTION, Sampling(max_tokens=1)).first_token:
        note(f"Note: {model.name} declined to answer the question {_QUESTION.text!r}.")


def _identity(model: CachedModel) -> dict[str, str | int]:
    return {
        "model": model.name,
        "address": model.endpoint or "none of its own",
        "digest": model.digest or "not told",
        "context window": model.context_window,
    }
