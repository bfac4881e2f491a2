"""The kind of value that has a value for each of any names."""

import json
from collections.abc import Mapping, Sequence
from types import GenericAlias
from typing import Any, ClassVar, Literal, Self

from pydantic import SerializeAsAny

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer
from cribsheet.signature.types._grammar import STRING, either, literal
from cribsheet.signature.types._notation import (
    NONE,
    NOTATIONS,
    SEPARATORS,
    after_colon,
    name_of,
    named,
    says_none,
    split,
)
from cribsheet.signature.types._structured import (
    Structured,
    block_of,
    inline_of,
    read_block_of,
    read_inline_of,
)
from cribsheet.signature.types.text import Text
from cribsheet.text import shortened


class MappingType(Structured):
    """A value for each name, whatever the names are, declared as `dict[str, X]`."""

    kind: Literal["mapping"] = "mapping"
    item: SerializeAsAny[ValueType]
    """The kind of its values."""

    brackets: ClassVar[str] = "{"

    @property
    def noun(self) -> str:  # type: ignore[override]
        """How messages call a value."""
        return f"a mapping of names, each value {self.item.noun}"

    @property
    def told(self) -> str:
        """How instructions name a value."""
        return f"a mapping of names, each value {self.item.told}"

    @property
    def notations(self) -> tuple[str, ...]:
        """The notations in which such a value can be written."""
        return NOTATIONS[:-1] if self.item.is_structured else NOTATIONS

    @property
    def blank(self) -> Value:
        """Some value of this kind."""
        return {}

    def built(self, raw: Any) -> Value:
        """Return the mapping with each value converted."""
        if not isinstance(raw, Mapping):
            raise ValueError(f"must be {self.noun}, but got {shortened(repr(raw))}")
        wrong = next((name for name in raw if not isinstance(name, str)), None)
        if wrong is not None:
            raise ValueError(f"has the name {wrong!r}; names must be text")
        return {name: self._valued(name, one) for name, one in raw.items()}

    def python_value(self, value: Any) -> Any:
        """Return the mapping with each value as Python compares it."""
        return {name: self.item.python_value(one) for name, one in value.items()}

    def _valued(self, name: str, raw: object) -> Value:
        try:
            return self.item.coerce(raw)
        except ValueError as error:
            raise ValueError(f"has a wrong {name!r}: it {error}") from None

    def block(self, value: Any, word: Verbalizer) -> list[str]:
        """Return one name a line."""
        lines = []
        for name, one in value.items():
            own, title = block_of(self.item, one, word), _title(name)
            if self.item.is_structured and one:
                lines += [f"{title}:", *(f"  {line}" for line in own)]
            else:
                lines.append(f"{title}: {own[0]}")
        return lines or [word(NONE)]

    def read_block(self, lines: Sequence[str], word: Verbalizer) -> Value:
        """Return the mapping whose names begin the lines."""
        if says_none("\n".join(lines), word):
            return {}
        return _distinct((name, read_block_of(self.item, own, word)) for name, own in named(lines, None))

    def inline(self, value: Any, word: Verbalizer) -> str:
        """Return names and values on one line, separated by commas."""
        pairs = (f"{_title(name)}: {inline_of(self.item, one, word)}" for name, one in value.items())
        return ", ".join(pairs) or word(NONE)

    def read_inline(self, text: str, word: Verbalizer) -> Value:
        """Return the mapping that a line says."""
        if says_none(text, word):
            return {}
        parts = [(name_of(part, None), part) for part in split(text, SEPARATORS) if part]
        unnamed = next((part for name, part in parts if name is None), None)
        if unnamed is not None:
            raise ValueError(f"has {unnamed[:80]!r} without a name and a colon")
        return _distinct((str(name), read_inline_of(self.item, after_colon(part), word)) for name, part in parts)

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return GenericAlias(dict, (str, self.item.annotation))

    def grammar(self) -> str:
        """Return the grammar of a value's JSON."""
        pair = f"{STRING} {literal(': ')} {self.item.grammar()}"
        whole = f"{literal('{')} {pair} ({literal(', ')} {pair})* {literal('}')}"
        return either([literal("{}"), whole])

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of an object with any properties."""
        return {"type": "object", "additionalProperties": dict(self.item.json_schema())}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema is an object's with any properties."""
        if schema.get("type") != "object" or not schema.get("additionalProperties"):
            return None
        return cls(item=inner(schema["additionalProperties"]))


def _title(name: str) -> str:
    """Return a name as it is written before its colon: as JSON if it would not be read back otherwise."""
    return inline_of(Text(), name, str) if name and not any(mark in name for mark in ":：*`_") else _quoted(name)


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _distinct(pairs: Any) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"names {name!r} twice")
        found[name] = value
    return found
