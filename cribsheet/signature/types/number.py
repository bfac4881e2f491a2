"""The kind of value that is a number with a fraction."""

from typing import ClassVar, Literal

from cribsheet.outcomes import Value, shortest
from cribsheet.signature.types._base import Verbalizer
from cribsheet.signature.types._numeric import Numeric


class Number(Numeric):
    """A number that may have a fraction."""

    kind: Literal["number"] = "number"

    noun: ClassVar[str] = "a number"
    python: ClassVar[type | None] = float
    number: ClassVar[type[int] | type[float]] = float
    example: ClassVar[str] = "2.5, or 3 if it is whole"
    schema_type: ClassVar[str] = "number"

    def write(self, value: Value, word: Verbalizer) -> str:
        """Return the number; a whole one has no fraction: 3 for 3.0."""
        return str(shortest(value))
