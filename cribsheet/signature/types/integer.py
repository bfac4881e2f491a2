"""The kind of value that is a whole number."""

from typing import ClassVar, Literal

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import Verbalizer
from cribsheet.signature.types._numeric import Numeric, first_number


class Integer(Numeric):
    """A whole number."""

    kind: Literal["integer"] = "integer"

    noun: ClassVar[str] = "a whole number"
    python: ClassVar[type | None] = int
    number: ClassVar[type[int] | type[float]] = int
    example: ClassVar[str] = "3"
    schema_type: ClassVar[str] = "integer"

    def coerce(self, raw: object) -> Value:
        """Convert a JSON value or a text to the number; 2.0 is 2, as in JSON Schema."""
        return super().coerce(int(raw) if isinstance(raw, float) and raw.is_integer() else raw)

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the first number in a text, which is whole: 1e3 and 1000.0 are 1000, and 3.7 is none."""
        said = first_number(text)
        return self.coerce(said if said.removeprefix("-").isdecimal() else float(said))
