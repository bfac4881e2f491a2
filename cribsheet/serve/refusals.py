"""Say in a status and in words why a request gets no answer."""

from collections.abc import Mapping
from typing import NamedTuple

from cribsheet.errors import (
    CribsheetError,
    DataError,
    ModelError,
    PromptError,
    TransientError,
    UnreachableError,
    UnreadableCompletionError,
)
from cribsheet.text import shortened

_LONGEST = 600
"""The most characters of a message; some repeat a value that the client sent."""
_CLOSED_EARLY = 499


class Refusal(Exception):
    """A request that gets no answer, with the HTTP status and the reason."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str,
        headers: Mapping[str, str] | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = shortened(message, _LONGEST)
        self.kind = kind
        self.headers = dict(headers or {})
        self.param = param
        """The input that is wrong; None if it is none, or not one alone."""


class HungUp(Exception):
    """The client closed the connection, so nobody waits for the answer."""

    status = _CLOSED_EARLY
    """The status in logs and metrics, as nginx counts such requests."""


class _Meaning(NamedTuple):
    """What a kind of error means for a client."""

    status: int
    kind: str


_MEANINGS: tuple[tuple[type[CribsheetError], _Meaning], ...] = (
    (DataError, _Meaning(422, "invalid_inputs")),
    (PromptError, _Meaning(422, "prompt_refused")),
    (UnreachableError, _Meaning(503, "model_unreachable")),
    (TransientError, _Meaning(503, "model_failed")),
    (UnreadableCompletionError, _Meaning(502, "unreadable_completion")),
    (ModelError, _Meaning(502, "model_failed")),
)


def refusal_of(error: CribsheetError) -> Refusal:
    """Return the refusal for an error of a program or its model."""
    meaning = next((meaning for kind, meaning in _MEANINGS if isinstance(error, kind)), _Meaning(500, "program_failed"))
    return Refusal(meaning.status, str(error), kind=meaning.kind)
