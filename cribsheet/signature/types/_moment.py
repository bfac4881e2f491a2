"""The base class of dates and times."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Self

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer
from cribsheet.signature.types._grammar import DATE, DAY, MOMENT, TIME

_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[T ]?\s*(\d{1,2}:\d{2}\S*))?")


class Moment(ValueType):
    """A date or a time, as text in ISO 8601."""

    parsed: ClassVar[type[date]]
    """The Python type that parses a text."""
    schema_format: ClassVar[str]
    """The format's name in JSON Schema."""
    example: ClassVar[str]
    """An example of a written value."""

    @property
    def blank(self) -> Value:
        """Some value of this kind."""
        return self.example

    def coerce(self, raw: object) -> Value:
        """Convert a date, or a text in ISO 8601."""
        text = raw.isoformat() if isinstance(raw, date) else raw
        if not isinstance(text, str):
            raise ValueError(f"must be {self.noun} but got {raw!r}")
        return self._iso(text.strip())

    def _iso(self, text: str) -> str:
        try:
            return self.parsed.fromisoformat(text).isoformat()
        except ValueError:
            raise ValueError(f"must be {self.noun} such as {self.example} but got {text[:80]!r}") from None

    def python_value(self, value: Value) -> Any:
        """Return the date or the time."""
        return self.parsed.fromisoformat(str(value))

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the text as a date, or else the first date in it that begins with the year."""
        try:
            return self._iso(text)
        except ValueError:
            match = _DATE.search(text)
            if match is None:
                raise
            year, month, day, time = match.groups()
            rest = f"T{time.rjust(5, '0')}" if time and self.parsed is datetime else ""
            return self._iso(f"{year}-{month:>02}-{day:>02}{rest}")

    def form(self, word: Verbalizer) -> str:
        """Name the kind with an example."""
        return f"{self.noun}, such as {self.example}"

    def reading(self, word: Verbalizer) -> str:
        """Say that it is a date or a time."""
        return f"is {self.noun} in ISO 8601"

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return str

    def grammar(self) -> str:
        """Return the grammar of a value's JSON."""
        return TIME if self.parsed is datetime else DATE

    def written_grammar(self, word: Verbalizer) -> str:
        """Return the grammar of a value without quotes."""
        return MOMENT if self.parsed is datetime else DAY

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of a string with this format."""
        return {"type": "string", "format": self.schema_format}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema has its format."""
        return cls.model_validate({}) if schema.get("format") == cls.schema_format else None
