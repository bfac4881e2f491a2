"""Convert values between JSON and the types of the user's signature."""

import enum
from collections.abc import Callable, Iterable, Mapping
from functools import update_wrapper
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from cribsheet.dataset.examples import Row
from cribsheet.errors import DataError
from cribsheet.evaluation.values import ranged
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import Unanswerable, Value, is_absent
from cribsheet.signature import Field
from cribsheet.task import Metric, Task
from cribsheet.text import normal_form, shortened

_SCALARS = (str, int, float, bool, type(None))


class OwnTypes:
    """Makes the types that a user declared, such as pydantic models, dates or sets, from JSON values."""

    def __init__(self, fields: Mapping[str, Any]):
        """Take the fields of dspy signatures by name."""
        found = {name: _converter(info) for name, info in fields.items()}
        self._converters = {name: converter for name, converter in found.items() if converter is not None}

    def __bool__(self) -> bool:
        return bool(self._converters)

    def typed(self, name: str, value: Value) -> Any:
        """Return the value of a field as its declared type.

        Raises:
            ValueError: if the user's class does not accept it, for example because of a validator.
        """
        convert = self._converters.get(name)
        if convert is None or is_absent(value):
            return value
        try:
            return convert(value)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(
                f"{name} is not accepted by its type{f' at {place}' if place else ''}: {first['msg']}"
            ) from (None)

    def all_typed(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return the values of several fields; ValueError like `typed`."""
        return {name: self.typed(name, value) for name, value in values.items()}

    def check(self, rows: Iterable[Row]) -> None:
        """Raise DataError if a row has a value that the user's class does not accept."""
        for row in rows:
            try:
                self.all_typed(row.inputs)
                for name, accepted in row.outputs.items():
                    for value in accepted:
                        self.typed(name, value)
            except ValueError as error:
                raise DataError(f"{row.where}: {error}. Correct the row, or the type in the signature.") from None


def plain(value: Any, field: Field | None = None) -> Any:
    """Return the JSON form of a value of the user's own type; a value that has none is returned unchanged.

    A computed field of a pydantic model is no part of its value.
    """
    if isinstance(value, enum.Enum):
        return normal_form(value.value) if isinstance(value.value, str) else value.value
    if isinstance(value, (*_SCALARS, Unanswerable)):
        return value
    try:
        found = to_jsonable_python(value, by_alias=False, round_trip=True)
    except (PydanticSerializationError, ValueError, RecursionError):
        return value
    if field is None or not field.accepts(found):
        return found
    return field.coerce(found)


class TypedMetric:
    """A metric that gets the types of the signature, as it would from dspy."""

    def __init__(self, metric: Metric, own: OwnTypes, *, lowest: float):
        update_wrapper(self, metric)  # keeps its name and its parameters
        self.__name__ = getattr(metric, "__name__", type(metric).__name__)
        self._metric, self._own, self._lowest = metric, own, lowest

    def __call__(self, example: Any, prediction: Any, *further: Any) -> Any:
        """Return the metric's value; the lowest one for a prediction that the user's class does not accept."""
        try:
            typed = prediction._converted(self._own.typed)
        except ValueError:
            return self._lowest
        return self._metric(example._converted(self._own.typed), typed, *further)


def metric_of(task: Task, own: OwnTypes) -> Metric:
    """Return a task's metric with its range, and with the types of the signature if some of them are not JSON's own."""
    typed = TypedMetric(task.metric, own, lowest=task.metric_range[0]) if own else task.metric
    return ranged(typed, task.metric_range)


def accepted_or_failure(own: OwnTypes, outputs: Mapping[str, Value]) -> dict[str, Any] | ParseFailure:
    """Return the typed outputs, or a parse failure if the user's class does not accept them."""
    try:
        return own.all_typed(outputs)
    except ValueError as error:
        return ParseFailure(shortened(str(error)))


def _converter(info: Any) -> Callable[[Value], Any] | None:
    """Return a function that makes a field's type from JSON; None if JSON already has that type."""
    annotation = info.annotation
    parts = [annotation]
    if str(get_origin(annotation)) in ("typing.Union", "<class 'types.UnionType'>"):
        parts = list(get_args(annotation))
    others = [part for part in parts if part not in (Unanswerable, type(None))]
    if all(part in _SCALARS or get_origin(part) is Literal for part in others):
        return None
    members = {plain(member): member for part in others if _is_enum(part) for member in part}
    whole: Any = Union[tuple(others)]  # noqa: UP007  # a union of any number of types
    own: Any = Annotated[whole, *info.metadata] if info.metadata else whole
    adapter: TypeAdapter[Any] = TypeAdapter(own)

    def convert(value: Value) -> Any:
        if members and isinstance(value, str | int) and value in members:
            return members[value]
        return adapter.validate_python(value, by_alias=True, by_name=True)

    return convert


def _is_enum(part: Any) -> bool:
    return isinstance(part, type) and issubclass(part, enum.Enum)
