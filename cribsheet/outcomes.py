"""The outcomes that a task's output can have."""

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


Value = str | int | float | bool | Unanswerable
"""A typed input or output value."""


def to_json(value: Value) -> object:
    """Return the JSON form of a value: `Unanswerable` becomes `{"unanswerable": reason}`.

    >>> to_json(Unanswerable(reason="off topic"))
    {'unanswerable': 'off topic'}
    """
    return {UNANSWERABLE: value.reason} if isinstance(value, Unanswerable) else value


def is_unanswerable_json(value: object) -> bool:
    """Tell whether a JSON value stands for `Unanswerable`."""
    return isinstance(value, dict) and set(value) == {UNANSWERABLE} and isinstance(value[UNANSWERABLE], str | None)
