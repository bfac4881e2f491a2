"""The kind of value that is a list."""

from collections.abc import Mapping, Sequence
from types import GenericAlias
from typing import Any, ClassVar, Literal, Self

from pydantic import SerializeAsAny

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer
from cribsheet.signature.types._grammar import repeated
from cribsheet.signature.types._notation import (
    GROUPS,
    NONE,
    NOTATIONS,
    SEPARATORS,
    items,
    says_none,
    split,
    without_bullet,
)
from cribsheet.signature.types._structured import (
    Structured,
    block_of,
    inline_of,
    read_block_of,
    read_inline_of,
)
from cribsheet.signature.types.record import Record
from cribsheet.text import shortened


class List(Structured):
    """Any number of values of one kind, declared as `list[X]`, `tuple[X, ...]` or `set[X]`."""

    kind: Literal["list"] = "list"
    item: SerializeAsAny[ValueType]
    """The kind of its values."""
    unique: bool = False
    """Whether it is a set: no value comes twice, and the order does not matter, so it is sorted."""
    least: int = 0
    """The fewest values."""
    most: int | None = None
    """The most values; None for any number."""

    brackets: ClassVar[str] = "["

    @property
    def noun(self) -> str:  # type: ignore[override]
        """How messages call a value."""
        return f"a {'set' if self.unique else 'list'}, each value {self.item.noun}"

    @property
    def told(self) -> str:
        """How instructions name a value."""
        return f"a {'set' if self.unique else 'list'}, each value {self.item.told}"

    @property
    def labelled(self) -> ValueType | None:
        """The kind of its items if they are labels."""
        return self.item if self.item.outcomes else None

    @property
    def notations(self) -> tuple[str, ...]:
        """The notations in which such a value can be written."""
        is_flat = not self.item.is_structured or (isinstance(self.item, Record) and self.item.is_flat)
        return NOTATIONS if is_flat else NOTATIONS[:-1]

    @property
    def blank(self) -> Value:
        """Some value of this kind."""
        return []

    def built(self, raw: Any) -> Value:
        """Return the list, with each item converted."""
        if isinstance(raw, str | Mapping) or not isinstance(raw, Sequence | set | frozenset):
            raise ValueError(f"must be a list but got {shortened(repr(raw))}")
        values = [_placed(self.item, at, one) for at, one in enumerate(raw)]
        if self.unique:
            values = self._sorted(values)
        if len(values) < self.least or (self.most is not None and len(values) > self.most):
            most = "any number of" if self.most is None else str(self.most)
            raise ValueError(f"must have {self.least} to {most} values but has {len(values)}")
        return values

    def python_value(self, value: Any) -> Any:
        """Return the list with each item as Python compares it; of a set, a frozenset if its items can be in one."""
        values = [self.item.python_value(one) for one in value]
        try:
            return frozenset(values) if self.unique else values
        except TypeError:  # records cannot be hashed
            return values

    def _sorted(self, values: Sequence[Value]) -> list[Value]:
        distinct = [one for at, one in enumerate(values) if one not in values[:at]]
        order = self.item.outcomes
        if order:
            return sorted(distinct, key=lambda one: order.index(self.item.outcome_of(one)))
        return sorted(distinct, key=lambda one: self.item.write(one, str))

    def block(self, value: Any, word: Verbalizer) -> list[str]:
        """Return one item a line, after a dash."""
        lines = []
        for one in value:
            first, *rest = block_of(self.item, one, word)
            lines += [f"- {first}", *(f"  {line}" for line in rest)]
        return lines or [word(NONE)]

    def read_block(self, lines: Sequence[str], word: Verbalizer) -> Value:
        """Return the list of the items; lines without dashes are an item each."""
        if says_none("\n".join(lines), word):
            return []
        return [read_block_of(self.item, own, word) for own in items(_with_dashes(lines))]

    def inline(self, value: Any, word: Verbalizer) -> str:
        """Return the items on one line; records are separated by semicolons, other values by commas."""
        between = "; " if self.item.is_structured else ", "
        return between.join(inline_of(self.item, one, word) for one in value) or word(NONE)

    def read_inline(self, text: str, word: Verbalizer) -> Value:
        """Return the list of the items between commas, or semicolons."""
        if says_none(text, word):
            return []
        separators = GROUPS if self.item.is_structured else SEPARATORS
        return [read_inline_of(self.item, part, word) for part in split(text, separators) if part]

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return GenericAlias(list, (self.item.annotation,))

    def grammar(self) -> str:
        """Return the grammar of a value's JSON."""
        return repeated(self.item.grammar(), least=self.least, most=self.most)

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of an array."""
        schema: dict[str, Any] = {"type": "array", "items": dict(self.item.json_schema())}
        schema |= {"uniqueItems": True} if self.unique else {}
        schema |= {"minItems": self.least} if self.least else {}
        return schema | ({"maxItems": self.most} if self.most is not None else {})

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema is an array's with items of one kind."""
        if schema.get("type") != "array" or "items" not in schema:
            return None
        return cls(
            item=inner(schema["items"]),
            unique=schema.get("uniqueItems", False),
            least=schema.get("minItems", 0),
            most=schema.get("maxItems"),
        )


def _placed(kind: ValueType, at: int, raw: object) -> Value:
    try:
        return kind.coerce(raw)
    except ValueError as error:
        raise ValueError(f"[{at}] {error}") from None


def _with_dashes(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines with a dash before each if none has one: some models leave the dashes out."""
    whole = [line for line in lines if line.strip()]
    return whole if any(without_bullet(line) is not None for line in whole) else [f"- {line}" for line in whole]
