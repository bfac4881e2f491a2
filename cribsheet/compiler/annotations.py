"""Read the annotation of a field as a kind of value."""

import dataclasses
import datetime
import decimal
import enum
import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cribsheet.errors import SignatureError
from cribsheet.signature.types import (
    TYPES,
    Label,
    List,
    MappingType,
    Member,
    Optional,
    Record,
    Text,
    Tuple,
    Union,
    ValueType,
)

_LISTS = (list, set, frozenset, Sequence)
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "above", "lt": "below"}
_LENGTHS = {"min_length": "least", "max_length": "most"}
_SIMPLE = {"str", "int", "float", "bool", "date", "datetime", "Decimal"}


class Annotations:
    """Reads annotations; a class that contains itself is refused."""

    def __init__(self, field: str):
        self._field = field
        self._open: list[type] = []

    def kind(self, annotation: Any, constraints: Sequence[Any] = ()) -> ValueType:
        """Return the kind of value that an annotation declares.

        Raises:
            SignatureError: if there is none.
        """
        if get_origin(annotation) is Annotated:
            own, *further = get_args(annotation)
            return self.kind(own, [*_constraints(further), *constraints])
        if get_origin(annotation) in (typing.Union, types.UnionType):
            return self._union(get_args(annotation))
        found = self._plain(annotation) or self._collection(annotation) or self._record(annotation)
        if found is None:
            raise SignatureError(
                f"The field {self._field!r} has the type {annotation!r}, which is not supported. Use str, int, float, "
                "bool, date, datetime, Decimal, a Literal or Enum of str or int, a list, set, tuple or dict[str, …] of "
                "these, a pydantic model, a dataclass or a TypedDict, or a union of them."
            )
        return _constrained(found, constraints)

    def _plain(self, annotation: Any) -> ValueType | None:
        labels = labels_of(annotation)
        if labels and all(type(label) in (str, int) for label in labels):
            return Label(labels=labels)
        own = next((kind for kind in TYPES.values() if kind.python is annotation), None)
        return own() if own else None  # type: ignore[call-arg]  # its kind has a default

    def _union(self, parts: Sequence[Any]) -> ValueType:
        others = [self.kind(part) for part in parts if part is not type(None)]
        others.sort(key=lambda kind: isinstance(kind, Text))  # any text is one, so it is tried last
        whole = others[0] if len(others) == 1 else Union(options=tuple(others))
        return Optional(item=whole) if type(None) in parts else whole

    def _collection(self, annotation: Any) -> ValueType | None:
        origin, parts = get_origin(annotation) or annotation, get_args(annotation)
        if origin is tuple and parts and parts[-1] is not ...:
            return Tuple(items=tuple(map(self.kind, parts)))
        if origin in (*_LISTS, tuple):
            item = self.kind(parts[0]) if parts else Text()
            return List(item=item, unique=origin in (set, frozenset))
        if origin is dict and (not parts or parts[0] is str):
            return MappingType(item=self.kind(parts[1]) if parts else Text())
        return None

    def _record(self, annotation: Any) -> ValueType | None:
        if not isinstance(annotation, type):
            return None
        members = _members(annotation)
        if members is None:
            return None
        if annotation in self._open:
            raise SignatureError(
                f"The field {self._field!r} has the type {annotation.__name__}, which contains itself. Only records of "
                "a fixed depth can be written into a prompt: give the inner part a class of its own."
            )
        self._open.append(annotation)
        made = tuple(
            Member(
                name=name,
                type=self.kind(info.annotation, _constraints(info.metadata)),
                required=info.is_required(),
                default=_default(info),
                description=info.description or "",
            )
            for name, info in members.items()
        )
        self._open.pop()
        return Record(title=annotation.__name__, members=made)


def labels_of(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a Literal or an Enum; empty for another annotation."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    is_enum = isinstance(annotation, type) and issubclass(annotation, enum.Enum)
    return tuple(member.value for member in annotation) if is_enum else ()


def _members(annotation: type) -> dict[str, FieldInfo] | None:
    """Return the members of a class of records; None for another class."""
    if issubclass(annotation, BaseModel):
        return dict(annotation.model_fields)
    if dataclasses.is_dataclass(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        defaults = {one.name: one.default for one in dataclasses.fields(annotation)}
        return {
            name: FieldInfo.from_annotation(hints[name])
            if default is dataclasses.MISSING
            else FieldInfo.from_annotated_attribute(hints[name], default)
            for name, default in defaults.items()
        }
    if typing.is_typeddict(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        return {name: FieldInfo.from_annotation(hint) for name, hint in hints.items()}
    return None


def _default(info: FieldInfo) -> Any:
    """Return the default of a member as JSON."""
    value = info.get_default(call_default_factory=True, validated_data={}) if not info.is_required() else None
    if value is PydanticUndefined:
        return None
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def _constraints(metadata: Sequence[Any]) -> list[Any]:
    """Return constraints such as annotated_types.Ge, also those that a pydantic Field holds."""
    return [one for part in metadata for one in (part.metadata if isinstance(part, FieldInfo) else [part])]


def _constrained(kind: ValueType, constraints: Sequence[Any]) -> ValueType:
    """Return the kind with the bounds that it can check; a constraint of another sort is left to the user's class."""
    found: dict[str, Any] = {}
    for constraint in constraints:
        for names in (_BOUNDS, _LENGTHS, {"pattern": "pattern"}):
            for given, own in names.items():
                value = getattr(constraint, given, None)
                if value is not None and own in type(kind).model_fields:
                    found[own] = value
    return kind.model_copy(update=found) if found else kind
