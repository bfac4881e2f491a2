"""The kind of value that is of one of several kinds."""

import ast
import json
import typing
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import SerializeAsAny

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer
from cribsheet.signature.types._grammar import either
from cribsheet.text import shortened


class Union(ValueType):
    """A value of the first of these kinds that it fits, declared as `X | Y`."""

    kind: Literal["union"] = "union"
    options: tuple[SerializeAsAny[ValueType], ...]
    """The kinds, in declared order, but free text last, since any text fits it."""

    @property
    def noun(self) -> str:  # type: ignore[override]
        """How messages call a value."""
        return " or ".join(kind.noun for kind in self.options)

    @property
    def told(self) -> str:
        """How instructions name a value."""
        return " or ".join(kind.told for kind in self.options)

    @property
    def may_be_text(self) -> bool:
        """Whether one of the kinds is free text."""
        return any(kind.may_be_text for kind in self.options)

    @property
    def is_structured(self) -> bool:  # type: ignore[override]
        """Whether one of the kinds is made of other values."""
        return any(kind.is_structured for kind in self.options)

    @property
    def blank(self) -> Value:
        """Some value of this kind."""
        return self.options[0].blank

    def coerce(self, raw: object) -> Value:
        """Convert a value of one of the kinds; of a kind whose JSON form it already has, if there is one."""
        found = [value for kind in self.options if (value := _fitting(kind, raw)) is not None]
        same = [value for value in found if type(value) is type(raw) and value == raw]
        if not found:
            raise ValueError(f"must be {self.noun}, but got {shortened(repr(raw))}")
        return (same or found)[0]

    def python_value(self, value: Value) -> Any:
        """Return the value as its own kind compares it."""
        own = next((kind for kind in self.options if _fitting(kind, value) == value), None)
        return value if own is None else own.python_value(value)

    def write(self, value: Value, word: Verbalizer) -> str:
        """Return a value as its own kind writes it."""
        written = [kind.write(value, word) for kind in self.options if _fitting(kind, value) == value]
        return next((text for text in written if self._reads(text, word) == value), written[0] if written else "")

    def _reads(self, text: str, word: Verbalizer) -> Value:
        try:
            return self.read(text, word)
        except ValueError:
            return None

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the value of the first kind that would write it so, or else of the first that reads one.

        JSON may name its parts in another order, so it counts as written so if nothing stands around it, and if all of
        it is the value: a record is read from a list of one record too, which may be a value of another kind.
        """
        found, reasons = [], []
        whole = _whole(text)
        for kind in self.options:
            try:
                value = kind.read(text, word)
            except ValueError as error:
                reasons.append(str(error))
                continue
            if kind.write(value, word) == text or (whole is not None and _fitting(kind, whole) == value):
                return value
            found.append(value)
        if not found:
            raise ValueError(f"must be {self.noun}: it {'; it '.join(reasons)}")
        return found[0]

    def form(self, word: Verbalizer) -> str:
        """Name the forms of all kinds."""
        return ", or ".join(kind.form(word) or "any text" for kind in self.options)

    def reading(self, word: Verbalizer) -> str:
        """Say which kinds it may be."""
        return ", or ".join(kind.reading(word) for kind in self.options)

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return typing.Union[tuple(kind.annotation for kind in self.options)]  # noqa: UP007  # of any number of types

    def grammar(self) -> str:
        """Return the grammar of a value's JSON."""
        return either(kind.grammar() for kind in self.options)

    def written_grammar(self, word: Verbalizer) -> str:
        """Return the grammar of a value without quotes."""
        return either(kind.written_grammar(word) for kind in self.options)

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of any of the kinds."""
        return {"anyOf": [dict(kind.json_schema()) for kind in self.options]}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema allows several others."""
        return cls(options=tuple(map(inner, schema["anyOf"]))) if "anyOf" in schema else None


def _whole(text: str) -> object:
    """Return the array or object that a text is, as JSON or as Python writes it; None if it is more or less."""
    found: object = None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        try:
            found = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
    return found if isinstance(found, list | dict | tuple | set) else None


def _fitting(kind: ValueType, raw: object) -> Value:
    try:
        return kind.coerce(raw)
    except ValueError:
        return None
