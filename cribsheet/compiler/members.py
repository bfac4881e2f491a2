"""List the members of a user's class of records."""

import dataclasses
import typing
from typing import Any, NamedTuple, get_type_hints

import typing_extensions
from pydantic import BaseModel
from pydantic.fields import FieldInfo

QUALIFIERS = (typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly)
"""Qualifiers around the type of a TypedDict's key, such as `NotRequired[str]`."""


class Part(NamedTuple):
    """One member of a class."""

    name: str
    info: FieldInfo
    """Its annotation, its default and its constraints, as pydantic has them."""
    may_be_missing: bool = False
    """Whether it is a `NotRequired` key of a TypedDict, which has no default."""


def parts_of(annotation: type) -> list[Part] | None:
    """Return the members of a pydantic model, a dataclass or a TypedDict; None for another class."""
    if issubclass(annotation, BaseModel):
        annotation.model_rebuild(raise_errors=False)
        return [Part(name, info) for name, info in annotation.model_fields.items()]
    if dataclasses.is_dataclass(annotation):
        return _of_dataclass(annotation)
    if typing.is_typeddict(annotation) or typing_extensions.is_typeddict(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        return [_of_typed_dict(name, hint, annotation) for name, hint in hints.items()]
    return None


def _of_typed_dict(name: str, hint: Any, annotation: Any) -> Part:
    """Return a key; the class's own list of required keys is wrong if its annotations are written as strings."""
    qualifiers, own = [], hint
    while typing.get_origin(own) in QUALIFIERS:
        qualifiers.append(typing.get_origin(own))
        (own,) = typing.get_args(own)
    is_optional = typing_extensions.NotRequired in qualifiers or name in annotation.__optional_keys__
    return Part(name, _info(own), is_optional and typing_extensions.Required not in qualifiers)


def _of_dataclass(annotation: Any) -> list[Part]:
    hints = get_type_hints(annotation, include_extras=True)
    return [
        Part(one.name, _info(hints[one.name], one)) for one in dataclasses.fields(annotation) if one.init is not False
    ]


def _info(hint: Any, field: "dataclasses.Field[Any] | None" = None) -> FieldInfo:
    has_default = field is not None and (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
    return FieldInfo.from_annotated_attribute(hint, field) if has_default else FieldInfo.from_annotation(hint)
