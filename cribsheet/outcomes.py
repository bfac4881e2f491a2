"""The outcomes that a task's output can have."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

UNANSWERABLE = "unanswerable"
ANSWERED = "answered"


class Unanswerable(BaseModel):
    """The outcome of a question that the inputs do not answer; in JSON `{"unanswerable": reason}`.

    >>> Unanswerable(reason="The text is about gravity.").reason
    'The text is about gravity.'
    """

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    reason: str | None = Field(
        default=None,
        validation_alias=AliasChoices("reason", UNANSWERABLE),
        serialization_alias=UNANSWERABLE,
    )
    """Why there is no answer, in one sentence; None if no reason was given."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return UNANSWERABLE


Value = str | int | float | bool | Unanswerable | list[Any] | dict[str, Any] | None
"""A typed input or output value: what JSON can hold, or `Unanswerable`. Dates and decimals are text."""


def to_json(value: Value) -> object:
    """Return the JSON form of a value: `Unanswerable` becomes `{"unanswerable": reason}`.

    >>> to_json(Unanswerable(reason="off topic"))
    {'unanswerable': 'off topic'}
    """
    return {UNANSWERABLE: value.reason} if isinstance(value, Unanswerable) else value


def from_json(value: object) -> object:
    """Return the value of a JSON form: `{"unanswerable": reason}` becomes `Unanswerable`."""
    return Unanswerable(reason=value[UNANSWERABLE]) if is_unanswerable_json(value) else value  # type: ignore[index]


def is_absent(value: object) -> bool:
    """Tell whether a value says that there is no answer: `Unanswerable`, or None for a field declared as `X | None`."""
    return value is None or isinstance(value, Unanswerable)


def to_text(value: Value) -> str:
    """Return a value as a line of text for people and chat clients: JSON, but a text stands for itself.

    >>> to_text("Paris"), to_text(True), to_text(["a", 1]), to_text(None)
    ('Paris', 'true', '["a", 1]', 'null')
    """
    return str(value) if isinstance(value, str | Unanswerable) else json.dumps(value, ensure_ascii=False)


def shortest(value: Value) -> Value:
    """Return a value as a prompt writes it: whole floats as integers, since people and models write 3 and not 3.0.

    >>> shortest(3.0), shortest([2.5, 4.0])
    (3, [2.5, 4])
    """
    if isinstance(value, list):
        return [shortest(one) for one in value]
    if isinstance(value, dict):
        return {name: shortest(one) for name, one in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) < _LONGEST_WHOLE:
        return int(value)
    return value


_LONGEST_WHOLE = 1e15
"""From here on, a float is written with an exponent."""


def texts_in(value: object) -> Iterator[str]:
    """Yield every text inside a value, names included.

    >>> list(texts_in([{"name": "Anna"}, 3]))
    ['name', 'Anna']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, Unanswerable):
        yield from texts_in(value.reason)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield from texts_in(name)
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_in(one)


def is_unanswerable_json(value: object) -> bool:
    """Tell whether a JSON value stands for `Unanswerable`."""
    return isinstance(value, dict) and set(value) == {UNANSWERABLE} and isinstance(value[UNANSWERABLE], str | None)
