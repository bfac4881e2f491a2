"""Find outcomes that no row has."""

from collections.abc import Iterable, Iterator

from cribsheet.dataset.examples import Row
from cribsheet.signature import Signature
from cribsheet.text import counted

_SHOWN = 5


def unseen_in_words(rows: Iterable[Row], signature: Signature) -> str:
    """Return a note on the outcomes that a signature allows and no row has; empty if there are none.

    No demonstration can show such an outcome, and no score tells how well it is predicted.
    """
    found = list(_unseen(list(rows), signature))
    if not found:
        return ""
    return f"No row has {'; '.join(found)}. Add rows that have, or take out of the type what cannot occur."


def _unseen(rows: list[Row], signature: Signature) -> Iterator[str]:
    for field in signature.outputs:
        accepted = [row.outputs[field.name] for row in rows if field.name in row.outputs]
        seen = {field.outcome_of(value) for values in accepted for value in values}
        unseen = [outcome for outcome in field.outcomes if outcome not in seen]
        if accepted and unseen:
            more = f" or {counted(len(unseen) - _SHOWN, 'other outcome')}" if len(unseen) > _SHOWN else ""
            yield f"{' or '.join(map(repr, unseen[:_SHOWN]))}{more} in {field.name}"
