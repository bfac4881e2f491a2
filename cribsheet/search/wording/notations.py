"""Choose how outputs that are made of other values are written."""

from collections.abc import Mapping

from cribsheet.search.wording.words import distinct
from cribsheet.signature import Signature
from cribsheet.signature.types import NOTATIONS


def notation_sets(signature: Signature) -> list[Mapping[str, str]]:
    """Return sets of notations for the outputs, for `Layout.notations`; none if there is only one way to write them.

    Each set has one notation for all outputs; an output that cannot be `inline` is written in `lines`. The first set is
    empty, which stands for JSON. `inline` comes next: in the plain layout, SmolLM2-135M found more entities in it than
    in JSON, and repeated itself in `lines` (docs/types.md).

    >>> from cribsheet.signature import Field
    >>> from cribsheet.signature.types import List, Text
    >>> tags, note = Field(name="tags", type=List(item=Text())), Field(name="note")
    >>> notation_sets(Signature(name="S", instructions="", inputs=(Field(name="text"),), outputs=(tags, note)))
    [{}, {'tags': 'inline'}, {'tags': 'lines'}]
    """
    fields = [field for field in signature.outputs if len(field.type.notations) > 1]
    if not fields:
        return []
    wanted = (NOTATIONS[: at + 1] for at in reversed(range(1, len(NOTATIONS))))
    sets = (
        {field.name: max(set(own).intersection(field.type.notations), key=own.index) for field in fields}
        for own in wanted
    )
    return distinct([{}, *sets])
