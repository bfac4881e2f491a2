"""The kind of value that has named members."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, SerializeAsAny

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer
from cribsheet.signature.types._grammar import literal
from cribsheet.signature.types._notation import NOTATIONS, SEPARATORS, after_colon, name_of, named, split
from cribsheet.signature.types._structured import (
    Structured,
    block_of,
    inline_of,
    read_block_of,
    read_inline_of,
)
from cribsheet.signature.types.optional import Optional
from cribsheet.text import shortened


class Member(BaseModel):
    """One named part of a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Its name, unique in the record."""
    type: SerializeAsAny[ValueType]
    """The kind of its value."""
    required: bool = True
    """Whether every record has it; else `default` takes its place."""
    default: Any = None
    """The value of a record that does not have it."""
    may_be_missing: bool = False
    """Whether a record may lack it, and then has no value for it, like a `NotRequired` key of a TypedDict."""
    description: str = ""
    """The user's description."""

    @property
    def told(self) -> str:
        """How instructions name its value."""
        return f"{self.type.told}: {self.description}" if self.description else self.type.told


class Record(Structured):
    """Named members, declared as a pydantic model, a dataclass or a TypedDict."""

    kind: Literal["record"] = "record"
    title: str = ""
    """The name of the user's class."""
    members: tuple[Member, ...]
    """The members, in declared order."""

    brackets: ClassVar[str] = "{"

    @property
    def noun(self) -> str:  # type: ignore[override]
        """How messages call a value."""
        return f"a record with {', '.join(member.name for member in self.members) or 'no members'}"

    @property
    def told(self) -> str:
        """How instructions name a value."""
        return f"a record with {', '.join(f'{one.name} ({one.told})' for one in self.members) or 'no members'}"

    @property
    def is_flat(self) -> bool:
        """Whether no member is made of other values."""
        return not any(member.type.is_structured for member in self.members)

    @property
    def notations(self) -> tuple[str, ...]:
        """The notations in which such a value can be written."""
        return NOTATIONS if self.is_flat and self.members else NOTATIONS[:-1] if self.members else NOTATIONS[:1]

    @property
    def blank(self) -> Value:
        """Some value of this kind."""
        return {member.name: member.type.blank for member in self.members}

    def built(self, raw: Any) -> Value:
        """Return the record with each member converted, in declared order."""
        if not isinstance(raw, Mapping):
            raise ValueError(f"must be {self.noun}, but got {shortened(repr(raw))}")
        unknown = [name for name in raw if name not in [member.name for member in self.members]]
        if unknown:
            raise ValueError(f"has {unknown[0]!r}, which is no member; it must be {self.noun}")
        there = (member for member in self.members if not (member.may_be_missing and _is_missing(member, raw)))
        return {member.name: self._member(member, raw) for member in there}

    def _member(self, member: Member, raw: Mapping[str, Any]) -> Value:
        if member.name not in raw:
            if member.required and not isinstance(member.type, Optional):
                raise ValueError(f"has no {member.name!r}; it must be {self.noun}")
            default: Value = None if member.required else member.default
            return default
        try:
            return member.type.coerce(raw[member.name])
        except ValueError as error:
            raise ValueError(f"has a wrong {member.name}: it {error}") from None

    def python_value(self, value: Any) -> Any:
        """Return the record with each member as Python compares it."""
        return {one.name: one.type.python_value(value[one.name]) for one in self._there(value)}

    def block(self, value: Any, word: Verbalizer) -> list[str]:
        """Return one member a line; the lines of a list or a record stand below its name, indented."""
        lines = []
        for member in self._there(value):
            own = block_of(member.type, value[member.name], word)
            if member.type.is_structured and value[member.name]:
                lines += [f"{member.name}:", *(f"  {line}" for line in own)]
            else:
                lines.append(f"{member.name}: {own[0]}")
        return lines or ["{}"]  # members that may be missing are all missing

    def _there(self, value: Mapping[str, Any]) -> list[Member]:
        return [member for member in self.members if member.name in value]

    def read_block(self, lines: Sequence[str], word: Verbalizer) -> Value:
        """Return the record whose members the lines name; other lines are passed over."""
        found = named(lines, [member.name for member in self.members])
        return self._read(((name, own) for name, own in found), word)

    def _read(self, found: Any, word: Verbalizer) -> Value:
        values: dict[str, Value] = {}
        for name, own in found:
            if name in values:
                raise ValueError(f"names {name!r} twice")
            kind = next(member.type for member in self.members if member.name == name)
            try:
                inline = isinstance(own, str)
                values[name] = read_inline_of(kind, own, word) if inline else read_block_of(kind, own, word)
            except ValueError as error:
                raise ValueError(f"has a wrong {name}: it {error}") from None
        return values

    def inline(self, value: Any, word: Verbalizer) -> str:
        """Return the members on one line, separated by commas."""
        return ", ".join(f"{one.name}: {inline_of(one.type, value[one.name], word)}" for one in self._there(value))

    def read_inline(self, text: str, word: Verbalizer) -> Value:
        """Return the record whose members a line names."""
        names = [member.name for member in self.members]
        parts = [(name_of(part, names), part) for part in split(text, SEPARATORS)]
        return self._read(((name, after_colon(part)) for name, part in parts if name is not None), word)

    @property
    def annotation(self) -> Any:
        """The Python type of the JSON form of a value."""
        return dict[str, Any]

    def grammar(self) -> str:
        """Return the grammar of a value's JSON, with all members in declared order."""
        names = (json.dumps(member.name, ensure_ascii=False) for member in self.members)
        pairs = (f"{literal(name + ': ')} {one.type.grammar()}" for name, one in zip(names, self.members, strict=True))
        between = f" {literal(', ')} "
        return f"{literal('{')} {between.join(pairs)} {literal('}')}" if self.members else literal("{}")

    def json_schema(self) -> Mapping[str, Any]:
        """Return the schema of an object with these properties and no others."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {member.name: _member_schema(member) for member in self.members},
            "required": [member.name for member in self.members if member.required],
            "additionalProperties": False,
        }
        return {"title": self.title, **schema} if self.title else schema

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        """Return the kind if the schema is an object's with properties."""
        if schema.get("type") != "object" or "properties" not in schema:
            return None
        members = (
            Member(
                name=name,
                type=inner({key: one for key, one in own.items() if key not in ("default", "description")}),
                required=name in schema.get("required", ()),
                may_be_missing=name not in schema.get("required", ()) and "default" not in own,
                default=own.get("default"),
                description=own.get("description", ""),
            )
            for name, own in schema["properties"].items()
        )
        return cls(title=schema.get("title", ""), members=tuple(members))


def _is_missing(member: Member, raw: Mapping[str, Any]) -> bool:
    """Tell whether a record lacks a member; null says so too if it is no value of the member."""
    return raw.get(member.name) is None and not (member.name in raw and isinstance(member.type, Optional))


def _member_schema(member: Member) -> Mapping[str, Any]:
    schema = dict(member.type.json_schema())
    schema |= {} if member.required or member.may_be_missing else {"default": member.default}
    return schema | ({"description": member.description} if member.description else {})
