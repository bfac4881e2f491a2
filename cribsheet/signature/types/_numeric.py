"""What kinds of number have in common."""

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import ValueType, Verbalizer

_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


class Numeric(ValueType):
    """A kind of number."""

    number: ClassVar[type[int] | type[float]]
    """What makes a value of its text."""
    example: ClassVar[str]
    """A value as it is written."""
    schema_type: ClassVar[str]
    """Its name in JSON Schema."""

    def coerce(self, raw: object) -> Value:
        """Return the number that a value or a text is."""
        if isinstance(raw, bool):
            raise ValueError(f"must be a number but got {raw!r}")
        try:
            return self.number(str(raw).strip().lower())
        except ValueError:
            raise ValueError(f"must be {self.noun} but got {raw!r}") from None

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the number that the text is, else the first that it holds."""
        try:
            value = self.number(text)
        except ValueError:
            found = _NUMBER.search(text)
            value = float(found.group().replace(",", "")) if found else math.nan
        if isinstance(value, float) and (math.isnan(value) or (math.isinf(value) and self.number is int)):
            raise ValueError(f"has no number in {text[:80]!r}")
        return self.number(value)

    def form(self, word: Verbalizer) -> str:
        """Return an example."""
        return f"{self.noun}, such as {self.example}"

    def reading(self, word: Verbalizer) -> str:
        """Return that it is a number."""
        return "is a number"

    def json_schema(self) -> Mapping[str, Any]:
        """Return the number's type."""
        return {"type": self.schema_type}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any]) -> Self | None:
        """Return the kind for its own type."""
        return cls.model_validate({}) if schema.get("type") == cls.schema_type else None
