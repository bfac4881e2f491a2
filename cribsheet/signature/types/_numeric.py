"""The base class of the kinds of number."""

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, Verbalizer
from cribsheet.signature.types._bounded import Bounded, bounds_in
from cribsheet.signature.types._grammar import INTEGER, NUMBER
from cribsheet.text import shortened

_NUMBER = re.compile(r"(?:(?<![A-Za-z0-9_])[-−])?(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?")


class Numeric(Bounded):
    """A kind of number."""

    number: ClassVar[type[int] | type[float]]
    """The Python type, which parses a text."""
    example: ClassVar[str]
    """An example of a written value."""
    schema_type: ClassVar[str]
    """The type's name in JSON Schema."""

    @property
    def blank(self) -> Value:
        """Some value of this kind."""
        return self.number(0)

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
        self.check_bounds(value)
        return value

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the first number in a text; it is finite."""
        said = first_number(text)
        if not math.isfinite(float(said)):
            raise ValueError(f"has no finite number in {text[:80]!r}")
        return self.coerce(said)

    def form(self, word: Verbalizer) -> str:
        """Name the kind with an example."""
        return f"{self.noun}, such as {self.example}"

    def reading(self, word: Verbalizer) -> str:
        """Say that it is a number."""
        return "is a number"

    def grammar(self) -> str:
        """Return the grammar of a number."""
        return INTEGER if self.schema_type == "integer" else NUMBER

    def written_grammar(self, word: Verbalizer) -> str:
        """Return the grammar of a number."""
        return self.grammar()

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of a number."""
        return {"type": self.schema_type, **self.bounds_schema}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema has its type."""
        if schema.get("type") != cls.schema_type:
            return None
        return cls.model_validate(bounds_in(schema))


def first_number(text: str) -> str:
    """Return the first number in a text, as Python writes it.

    >>> first_number("−1,200.5 €"), first_number("３．５ 公里"), first_number("Apollo-11")
    ('-1200.5', '3.5', '11')

    Raises:
        ValueError: if there is none.
    """
    found = _NUMBER.search(unicodedata.normalize("NFKC", text))
    if found is None:
        raise ValueError(f"has no finite number in {text[:80]!r}")
    return found.group().replace(",", "").replace("−", "-")
