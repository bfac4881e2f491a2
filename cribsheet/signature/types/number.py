"""The kind of value that is a number with a fraction."""

from typing import ClassVar, Literal

from cribsheet.signature.types._base import Verbalizer
from cribsheet.signature.types._numeric import Numeric


class Number(Numeric):
    """A number that may have a fraction."""

    kind: Literal["number"] = "number"

    noun: ClassVar[str] = "a number"
    python: ClassVar[type | None] = float
    number: ClassVar[type[int] | type[float]] = float
    example: ClassVar[str] = "3.0"
    schema_type: ClassVar[str] = "number"

    def form(self, word: Verbalizer) -> str:
        """Name the kind with an example that has a decimal point."""
        return f"a number with a decimal point, such as {self.example}"
