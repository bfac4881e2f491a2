"""Hold values by name, as pydantic's frozen models and dataclasses do, without checking them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

Own = TypeVar("Own", bound="Frozen")

_MISSING = object()


class Frozen:
    """Base of classes that list their fields as annotations, in place of `pydantic.BaseModel` and `dataclass`.

    A record cannot be changed, and equals another of its class that has the same values.
    """

    _defaults: ClassVar[Mapping[str, object]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        annotations: Mapping[str, object] = getattr(cls, "__annotations__", {})
        own = [name for name, kind in annotations.items() if not str(kind).startswith("ClassVar")]
        inherited = cls._defaults
        given = {name: cls.__dict__.get(name, inherited.get(name, _MISSING)) for name in own}
        cls._defaults = {**inherited, **given}

    def __init__(self, *places: Any, **values: Any) -> None:
        by_place = dict(zip(self._defaults, places, strict=False))
        given = {**self._defaults, **by_place, **values}
        is_known = len(given) == len(self._defaults) and len(places) == len(by_place)
        if not is_known or by_place.keys() & values.keys() or any(value is _MISSING for value in given.values()):
            got = ", ".join([*map(repr, places), *values]) or "nothing"
            raise TypeError(f"{type(self).__name__} takes {', '.join(self._defaults)} but got {got}.")
        self.__dict__.update(given)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set. Make another one with replace().")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash((type(self), tuple(self._values().values())))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._values().items())
        return f"{type(self).__name__}({values})"

    def model_copy(self: Own, *, update: Mapping[str, Any] | None = None) -> Own:
        """Return the record with other values for some fields."""
        return type(self)(**{**self._values(), **(update or {})})

    def _values(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self._defaults}


class MutableRecord(Frozen):
    """A record that can be changed, in place of a dataclass that is not frozen."""

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__[name] = value


def replace(record: Own, **changes: Any) -> Own:
    """Return a record with other values for some fields, as `dataclasses.replace` does."""
    return record.model_copy(update=changes)
