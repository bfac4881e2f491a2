"""The kind of value that is free text."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer
from cribsheet.text import half_character, shortened


class Text(ValueType):
    """Any text."""

    kind: Literal["text"] = "text"
    least: int = 0
    """The fewest characters."""
    most: int | None = None
    """The most characters; None for any number."""
    pattern: str = ""
    """A regular expression that is found in every value; empty for any text."""

    noun: ClassVar[str] = "text"
    python: ClassVar[type | None] = str
    is_text: ClassVar[bool] = True

    def coerce(self, raw: object) -> Value:
        """Return the text."""
        if not isinstance(raw, str):
            raise ValueError(f"must be text but got {shortened(repr(raw))}")
        if fault := half_character(raw):
            raise ValueError(fault)
        return self._allowed(raw)

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the text itself."""
        if not text:
            raise ValueError("is empty")
        return self._allowed(text)

    def _allowed(self, text: str) -> str:
        if len(text) < self.least or (self.most is not None and len(text) > self.most):
            most = "any number of" if self.most is None else str(self.most)
            raise ValueError(f"must have {self.least} to {most} characters but has {len(text)}: {text[:80]!r}")
        if self.pattern and not re.search(self.pattern, text):
            raise ValueError(f"must match {self.pattern!r} but got {text[:80]!r}")
        return text

    def form(self, word: Verbalizer) -> str:
        """Return nothing, because any text is allowed."""
        return ""

    def reading(self, word: Verbalizer) -> str:
        """Say that the value is the whole completion."""
        return "is the whole completion without surrounding white space"

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of a string."""
        schema: dict[str, Any] = {"type": "string"} | ({"minLength": self.least} if self.least else {})
        schema |= {"maxLength": self.most} if self.most is not None else {}
        return schema | ({"pattern": self.pattern} if self.pattern else {})

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema is a string's without a format."""
        if schema.get("type") != "string" or "format" in schema:
            return None
        return cls(least=schema.get("minLength", 0), most=schema.get("maxLength"), pattern=schema.get("pattern", ""))
