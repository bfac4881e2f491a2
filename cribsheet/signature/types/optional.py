"""The kind of value inside another one that may be absent."""

import typing
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import SerializeAsAny

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer
from cribsheet.signature.types._grammar import either, literal
from cribsheet.signature.types._notation import NONE, says_none

_NULL = {"type": "null"}


class Optional(ValueType):
    """A value of one kind, or none, declared as `X | None` inside a list or a record."""

    kind: Literal["optional"] = "optional"
    item: SerializeAsAny[ValueType]
    """The kind of the value if there is one."""

    @property
    def noun(self) -> str:  # type: ignore[override]
        """How messages call a value."""
        return f"{self.item.noun}, or none"

    @property
    def told(self) -> str:
        """How instructions name a value."""
        return f"{self.item.told}, or none"

    @property
    def is_text(self) -> bool:  # type: ignore[override]
        """Whether the value is free text if there is one."""
        return self.item.is_text

    @property
    def blank(self) -> Value:
        """Some value of this kind."""
        return None

    def coerce(self, raw: object) -> Value:
        """Convert a value of the kind, or None."""
        return None if raw is None else self.item.coerce(raw)

    def python_value(self, value: Value) -> Any:
        """Return the value as Python compares it, or None."""
        return None if value is None else self.item.python_value(value)

    def write(self, value: Value, word: Verbalizer) -> str:
        """Return the value, or the word for none."""
        return word(NONE) if value is None else self.item.write(value, word)

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the value, or None for the word for none."""
        return None if says_none(text, word) or not text or text == "null" else self.item.read(text, word)

    def form(self, word: Verbalizer) -> str:
        """Name the word for none."""
        return f"{self.item.form(word) or 'any text'}, or {word(NONE)}"

    def reading(self, word: Verbalizer) -> str:
        """Name the word for none."""
        return f"{self.item.reading(word)}, or {word(NONE)}"

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return typing.Optional[self.item.annotation]  # noqa: UP045  # `|` takes no Literal of mypy's Any

    def grammar(self) -> str:
        """Return the grammar of a value's JSON."""
        return either([self.item.grammar(), literal("null")])

    def written_grammar(self, word: Verbalizer) -> str:
        """Return the grammar of a value without quotes."""
        return either([self.item.written_grammar(word), literal(word(NONE))])

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of the kind or null."""
        return {"anyOf": [dict(self.item.json_schema()), _NULL]}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema allows another one or null."""
        options = schema.get("anyOf", [])
        return cls(item=inner(options[0])) if len(options) == 2 and options[1] == _NULL else None
