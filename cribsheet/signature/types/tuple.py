"""The kind of value that is a list of fixed length, each place with its own kind."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import SerializeAsAny

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer
from cribsheet.signature.types._grammar import listed
from cribsheet.signature.types._notation import NOTATIONS, SEPARATORS, items, split
from cribsheet.signature.types._structured import (
    Structured,
    block_of,
    inline_of,
    read_block_of,
    read_inline_of,
)
from cribsheet.text import shortened


class Tuple(Structured):
    """One value for each place, declared as `tuple[X, Y]`."""

    kind: Literal["tuple"] = "tuple"
    items: tuple[SerializeAsAny[ValueType], ...]
    """The kind of each place."""

    brackets: ClassVar[str] = "[("

    @property
    def noun(self) -> str:  # type: ignore[override]
        """How messages call a value."""
        return f"a list of {len(self.items)} values: {', '.join(kind.noun for kind in self.items)}"

    @property
    def told(self) -> str:
        """How instructions name a value."""
        return f"a list of {len(self.items)} values: {', '.join(kind.told for kind in self.items)}"

    @property
    def notations(self) -> tuple[str, ...]:
        """The notations in which such a value can be written."""
        return NOTATIONS[:-1] if any(kind.is_structured for kind in self.items) else NOTATIONS

    @property
    def blank(self) -> Value:
        """Some value of this kind."""
        return [kind.blank for kind in self.items]

    def built(self, raw: Any) -> Value:
        """Return the values in a list, each converted."""
        if isinstance(raw, str | Mapping) or not isinstance(raw, Sequence) or len(raw) != len(self.items):
            raise ValueError(f"must be {self.noun}, but got {shortened(repr(raw))}")
        return [kind.coerce(one) for kind, one in zip(self.items, raw, strict=True)]

    def python_value(self, value: Any) -> Any:
        """Return the values as Python compares them."""
        return [kind.python_value(one) for kind, one in zip(self.items, value, strict=True)]

    def block(self, value: Any, word: Verbalizer) -> list[str]:
        """Return one value a line, after a dash."""
        lines = []
        for kind, one in zip(self.items, value, strict=True):
            first, *rest = block_of(kind, one, word)
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        return lines

    def read_block(self, lines: Sequence[str], word: Verbalizer) -> Value:
        """Return the values that the lines say."""
        return self._read([*items(lines)], word)

    def _read(self, parts: Sequence[Any], word: Verbalizer) -> Value:
        if len(parts) != len(self.items):
            raise ValueError(f"must have {len(self.items)} values but has {len(parts)}")
        return [
            read_inline_of(kind, own, word) if isinstance(own, str) else read_block_of(kind, own, word)
            for kind, own in zip(self.items, parts, strict=True)
        ]

    def inline(self, value: Any, word: Verbalizer) -> str:
        """Return the values on one line, separated by commas."""
        return ", ".join(inline_of(kind, one, word) for kind, one in zip(self.items, value, strict=True))

    def read_inline(self, text: str, word: Verbalizer) -> Value:
        """Return the values between commas."""
        return self._read(split(text, SEPARATORS), word)

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return list[Any]

    def grammar(self) -> str:
        """Return the grammar of a value's JSON."""
        return listed([kind.grammar() for kind in self.items])

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of an array of fixed length."""
        schemas = [dict(kind.json_schema()) for kind in self.items]
        return {"type": "array", "prefixItems": schemas, "minItems": len(schemas), "maxItems": len(schemas)}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema is an array's with a schema for each place."""
        if schema.get("type") != "array" or "prefixItems" not in schema:
            return None
        return cls(items=tuple(map(inner, schema["prefixItems"])))
