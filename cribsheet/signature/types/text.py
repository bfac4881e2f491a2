"""The kind of value that is free text."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import ValueType, Verbalizer
from cribsheet.text import half_character, shortened


class Text(ValueType):
    """Any text."""

    kind: Literal["text"] = "text"

    noun: ClassVar[str] = "text"
    python: ClassVar[type | None] = str
    is_text: ClassVar[bool] = True

    def coerce(self, raw: object) -> Value:
        """Return the text."""
        if not isinstance(raw, str):
            raise ValueError(f"must be text but got {shortened(repr(raw))}")
        if fault := half_character(raw):
            raise ValueError(fault)
        return raw

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the text itself."""
        if not text:
            raise ValueError("is empty")
        return text

    def form(self, word: Verbalizer) -> str:
        """Return nothing, because any text is allowed."""
        return ""

    def reading(self, word: Verbalizer) -> str:
        """Say that the value is the whole completion."""
        return "is the whole completion without surrounding white space"

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of a string."""
        return {"type": "string"}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any]) -> Self | None:
        """Return the kind if the schema is a string's."""
        return cls() if schema.get("type") == "string" else None
