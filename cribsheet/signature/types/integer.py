"""The kind of value that is a whole number."""

from typing import ClassVar, Literal

from cribsheet.signature.types._numeric import Numeric


class Integer(Numeric):
    """A whole number."""

    kind: Literal["integer"] = "integer"

    noun: ClassVar[str] = "a whole number"
    python: ClassVar[type | None] = int
    number: ClassVar[type[int] | type[float]] = int
    example: ClassVar[str] = "3"
    schema_type: ClassVar[str] = "integer"
