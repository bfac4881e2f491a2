"""The base class of the kinds of number."""

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import ValueType, Verbalizer
from cribsheet.text import shortened

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


class Numeric(ValueType):
    """A kind of number."""

    number: ClassVar[type[int] | type[float]]
    """The Python type, which parses a text."""
    example: ClassVar[str]
    """An example of a written value."""
    schema_type: ClassVar[str]
    """The type's name in JSON Schema."""

    def coerce(self, raw: object) -> Value:
        """Convert a JSON value or a text to the number, which is finite."""
        if isinstance(raw, bool):
            raise ValueError(f"must be a number but got {shortened(repr(raw))}")
        try:
            value = self.number(str(raw).strip().lower())
        except ValueError:
            raise ValueError(f"must be {self.noun} but got {shortened(repr(raw))}") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"must be a finite number but got {shortened(repr(raw))}")
        return value

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the text as a number, or else the first number in it; the number is finite."""
        try:
            value = self.number(text)
        except ValueError:
            found = _NUMBER.search(text)
            value = float(found.group().replace(",", "")) if found else math.nan
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"has no finite number in {text[:80]!r}")
        return self.number(value)

    def form(self, word: Verbalizer) -> str:
        """Name the kind with an example."""
        return f"{self.noun}, such as {self.example}"

    def reading(self, word: Verbalizer) -> str:
        """Say that it is a number."""
        return "is a number"

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of a number."""
        return {"type": self.schema_type}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any]) -> Self | None:
        """Return the kind if the schema has its type."""
        return cls.model_validate({}) if schema.get("type") == cls.schema_type else None
