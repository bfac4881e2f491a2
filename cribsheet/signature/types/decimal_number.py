"""The kind of value that is an exact decimal number."""

import decimal
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, Verbalizer
from cribsheet.signature.types._bounded import Bounded, bounds_in
from cribsheet.signature.types._grammar import DECIMAL, NUMBER
from cribsheet.signature.types._numeric import first_number


class Decimal(Bounded):
    """An exact number, such as an amount of money, declared as `decimal.Decimal`; kept as text."""

    kind: Literal["decimal"] = "decimal"

    noun: ClassVar[str] = "an exact decimal number"
    python: ClassVar[type | None] = decimal.Decimal

    def coerce(self, raw: object) -> Value:
        """Convert a number or a text to the text of the number."""
        if isinstance(raw, bool):
            raise ValueError(f"must be {self.noun} but got {raw!r}")
        try:
            value = decimal.Decimal(str(raw).strip())
        except decimal.InvalidOperation:
            raise ValueError(f"must be {self.noun} but got {raw!r}") from None
        if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
            raise ValueError(f"must be a number of at most {_MOST_DIGITS} digits but got {raw!r}")
        self.check_bounds(value)
        return format(value, "f")

    def python_value(self, value: Value) -> Any:
        """Return the decimal."""
        return decimal.Decimal(str(value))

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the text as a number, or else the first number in it."""
        return self.coerce(first_number(text))

    def form(self, word: Verbalizer) -> str:
        """Name the kind with an example."""
        return f"{self.noun}, such as 12.50"

    def reading(self, word: Verbalizer) -> str:
        """Say that it is a number."""
        return "is a number"

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return str

    def grammar(self) -> str:
        """Return the grammar of a value's JSON."""
        return DECIMAL

    def written_grammar(self, word: Verbalizer) -> str:
        """Return the grammar of a value without quotes."""
        return NUMBER

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of a string that holds a number."""
        return {"type": "string", "format": "decimal", **self.bounds_schema}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema has its format."""
        return cls.model_validate(bounds_in(schema)) if schema.get("format") == "decimal" else None


_MOST_DIGITS = 100
