"""Read the annotation of a field as a kind of value."""

import collections.abc
import decimal
import enum
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import RootModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from cribsheet.compiler.members import QUALIFIERS, Part, parts_of
from cribsheet.errors import SignatureError
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field
from cribsheet.signature.types import (
    TYPES,
    Integer,
    Label,
    List,
    MappingType,
    Member,
    Number,
    Optional,
    Record,
    Text,
    Tuple,
    Union,
    ValueType,
)

UNKNOWN_NAME = (
    " A type that is written as a string is looked up in the signature's module: import or define it at the top of "
    "that module, not in a function and not under TYPE_CHECKING."
)
_UNIONS = (typing.Union, types.UnionType)
_LISTS = (list, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Set)
_SETS = (set, frozenset, collections.abc.Set)
_MAPPINGS = (dict, collections.abc.Mapping)
_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "above", "lt": "below"}
_LENGTHS = {"min_length": "least", "max_length": "most"}
_RANGES = (("minimum", "maximum"), ("least", "most"))
_NONE = type(None)


def field_of(name: str, info: Any) -> Field:
    """Return the field that a field of a dspy signature declares.

    Raises:
        SignatureError: if its type is not supported.
    """
    parts = [info.annotation]
    if get_origin(info.annotation) in _UNIONS:
        parts = list(get_args(info.annotation))
    abstains = Unanswerable in parts
    others = [part for part in parts if part not in (Unanswerable, _NONE)]
    kinds = Kinds(name)
    kind = kinds.union(others) if len(others) > 1 else kinds.kind(*(others or parts))
    may_be_none = _NONE in parts or isinstance(kind, Optional)  # None may stand in an alias or a Literal
    description = (info.json_schema_extra or {}).get("desc", "")
    return Field(
        name=name,
        type=kinds.constrained(kind.item if isinstance(kind, Optional) else kind, flattened(info.metadata)),
        abstains=abstains or may_be_none,
        optional=may_be_none and not abstains,
        description="" if description == f"${{{name}}}" else description,
        **_left_out(info, may_be_none=may_be_none),
    )


def _left_out(info: Any, *, may_be_none: bool) -> Mapping[str, Any]:
    """Return what an input is if it is left out: its default, or nothing for an input that may be None."""
    if (info.json_schema_extra or {}).get("__dspy_field_type") != "input":
        return {}
    if not info.is_required():
        return {"has_default": True, "default": to_json_default(info)}
    return {"has_default": True} if may_be_none else {}


class Kinds:
    """Reads the annotations inside a field's type; a class that contains itself is refused."""

    def __init__(self, field: str):
        self._field = field
        self._open: list[Any] = []

    def kind(self, annotation: Any, constraints: Sequence[Any] = ()) -> ValueType:
        """Return the kind of value that an annotation declares.

        Raises:
            SignatureError: if there is none.
        """
        if hasattr(annotation, "__value__"):
            with self._opened(annotation):
                return self.kind(annotation.__value__, constraints)
        annotation = getattr(annotation, "__supertype__", annotation)
        if get_origin(annotation) is Annotated:
            own, *further = get_args(annotation)
            return self.kind(own, [*flattened(further), *constraints])
        if get_origin(annotation) in QUALIFIERS:
            return self.kind(get_args(annotation)[0], constraints)
        if get_origin(annotation) in _UNIONS:
            return self.constrained(self.union(get_args(annotation)), constraints)
        found = self._labels(annotation) or self._plain(annotation) or self._collection(annotation)
        found = found or self._record(annotation)
        if found is None:
            raise self._unsupported(annotation)
        return self.constrained(found, constraints)

    def union(self, parts: Sequence[Any]) -> ValueType:
        """Return the kind of a union."""
        options = [self.kind(part) for part in parts if part is not _NONE]
        if Number() in options:
            options = [kind for kind in options if kind != Integer()]  # every whole number is a number
        options.sort(key=lambda kind: isinstance(kind, Text))  # any text is one, so it is tried last
        whole = options[0] if len(options) == 1 else Union(options=tuple(options))
        return Optional(item=whole) if _NONE in parts else whole

    def _labels(self, annotation: Any) -> ValueType | None:
        if not (get_origin(annotation) is Literal or _is_enum(annotation)):
            return None
        values = labels_of(annotation)
        labels = tuple(value for value in values if value is not None)
        if not all(type(label) in (str, int) for label in labels):
            return None
        if not labels:
            raise SignatureError(
                f"The field {self._field!r} has the type {_shown(annotation)}, which has no values. Give its Literal "
                "or Enum at least one."
            )
        return Label(labels=labels) if len(labels) == len(values) else Optional(item=Label(labels=labels))

    def _plain(self, annotation: Any) -> ValueType | None:
        own = next((kind for kind in TYPES.values() if kind.python is annotation), None)
        return own() if own else None  # type: ignore[call-arg]  # its kind has a default

    def _collection(self, annotation: Any) -> ValueType | None:
        origin, parts = get_origin(annotation) or annotation, get_args(annotation)
        if isinstance(origin, type) and issubclass(origin, tuple) and hasattr(origin, "_fields"):
            with self._opened(origin):
                hints = get_type_hints(origin, include_extras=True)
                return Tuple(items=tuple(self.kind(hints.get(name, str)) for name in origin._fields))
        if origin is tuple and parts and parts[-1] is not ...:
            return Tuple(items=tuple(map(self.kind, parts)))
        if origin in (*_LISTS, tuple):
            return List(item=self.kind(parts[0]) if parts else Text(), unique=origin in _SETS)
        if origin in _MAPPINGS and (not parts or parts[0] is str):
            return MappingType(item=self.kind(parts[1]) if parts else Text())
        return None

    def _record(self, annotation: Any) -> ValueType | None:
        if not isinstance(annotation, type) or annotation.__module__.partition(".")[0] == "dspy":
            return None
        if annotation is Unanswerable:
            raise SignatureError(
                f"The field {self._field!r} has Unanswerable inside another type. Declare the whole field as "
                "`X | Unanswerable`; a part of it that may be absent is `X | None`."
            )
        with self._opened(annotation):
            if issubclass(annotation, RootModel):
                return self.kind(annotation.model_fields["root"].annotation)
            parts = parts_of(annotation)
            if parts is None:
                return None
            return Record(title=annotation.__name__, members=tuple(map(self._member, parts)))

    def constrained(self, kind: ValueType, constraints: Sequence[Any]) -> ValueType:
        """Return the kind with the bounds that it can check; a constraint of another sort is left to the user's class.

        Raises:
            SignatureError: if no value is within the bounds.
        """
        if isinstance(kind, Optional):
            return Optional(item=self.constrained(kind.item, constraints))
        found: dict[str, Any] = {}
        names: Mapping[str, str] = {**_BOUNDS, **_LENGTHS, "pattern": "pattern"}
        for constraint in constraints:
            for given, own in names.items():
                value = _checkable(getattr(constraint, given, None))
                if value is not None and own in type(kind).model_fields:
                    found[own] = value
        for least, most in _RANGES:
            if least in found and most in found and found[least] > found[most]:
                raise SignatureError(
                    f"The field {self._field!r} has a type whose values are at least {found[least]} and at most "
                    f"{found[most]}, which none can be. Correct the bounds."
                )
        return kind.model_copy(update=found) if found else kind

    @contextmanager
    def _opened(self, annotation: Any) -> Iterator[None]:
        if annotation in self._open:
            raise SignatureError(
                f"The field {self._field!r} has the type {annotation.__name__}, which contains itself. Only records of "
                "a fixed depth can be written into a prompt: give the inner part a class of its own."
            )
        self._open.append(annotation)
        yield
        self._open.pop()

    def _member(self, part: Part) -> Member:
        info = part.info
        kind = self.kind(info.annotation, flattened(info.metadata))
        may_be_missing = part.may_be_missing or not _has_fixed_default(info, kind)
        default = None if may_be_missing else to_json_default(info)
        return Member(
            name=part.name,
            type=kind,
            required=info.is_required() and not may_be_missing,
            may_be_missing=may_be_missing,
            default=_fitting(default, kind),
            description=info.description or "",
        )

    def _unsupported(self, annotation: Any) -> SignatureError:
        if isinstance(annotation, str | typing.ForwardRef):
            return SignatureError(
                f"The field {self._field!r} has the type {_shown(annotation)}, which cannot be found.{UNKNOWN_NAME}"
            )
        return SignatureError(
            f"The field {self._field!r} has the type {_shown(annotation)}, which is not supported. Use str, int, "
            "float, bool, date, datetime, Decimal, a Literal or Enum of str or int, a list, set, tuple or "
            "dict[str, …] of these, a pydantic model, a dataclass or a TypedDict, each alone, in a union, as "
            "`X | None` or as `X | Unanswerable`."
        )


def labels_of(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a Literal or an Enum; empty for another annotation."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(member.value for member in annotation) if _is_enum(annotation) else ()


def _is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, enum.Enum)


def _shown(annotation: Any) -> str:
    if isinstance(annotation, str | typing.ForwardRef):
        return repr(annotation if isinstance(annotation, str) else annotation.__forward_arg__)
    return annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)


def to_json_default(info: FieldInfo) -> Any:
    """Return the default of a member as JSON."""
    if info.is_required():
        return None
    value = info.get_default(call_default_factory=True, validated_data={})
    return None if value is PydanticUndefined else to_jsonable_python(value, by_alias=False, round_trip=True)


def _has_fixed_default(info: FieldInfo, kind: ValueType) -> bool:
    """Tell whether a member's default, if it has one, is the same for all records, and of the member's type.

    A default such as the current time, or one that depends on other members, is left to the user's class. So is the
    None of `age: int = None`, which pydantic does not check.
    """
    if info.default_factory_takes_validated_data:
        return False
    default = to_json_default(info)
    is_fixed = info.default_factory is None or default == to_json_default(info)
    return is_fixed and (info.is_required() or default is not None or isinstance(kind, Optional))


def _fitting(default: Any, kind: ValueType) -> Any:
    """Return a default as values of its kind are kept, for example a set in its order."""
    try:
        return None if default is None else kind.coerce(default)
    except ValueError:
        return default


def flattened(metadata: Sequence[Any]) -> list[Any]:
    """Return constraints such as annotated_types.Ge, also those that a pydantic Field holds."""
    return [one for part in metadata for one in (part.metadata if isinstance(part, FieldInfo) else [part])]


def _checkable(bound: Any) -> Any:
    """Return a bound or a pattern as a frozen file holds it; None for a pattern that Python's `re` does not have."""
    if isinstance(bound, decimal.Decimal):
        return float(bound)
    if isinstance(bound, re.Pattern):
        return None if bound.flags & ~re.UNICODE else bound.pattern
    try:
        return re.compile(bound).pattern if isinstance(bound, str) else bound
    except re.error:
        return None
