"""Ask a served model again if a fault may pass, within what the server likes at once."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from cribsheet.errors import TransientError
from cribsheet.models._base import Completion, Model, Sampling
from cribsheet.prompts import Prompt

LONGEST_WAIT = 8.0
"""Seconds: no pause between two attempts is longer."""

Answer = TypeVar("Answer")


class Retrying:
    """A model around another one: it asks again after a `TransientError`, never too much at once.

    At most `model.parallel` requests are in flight, over all threads. The pauses between attempts grow
    exponentially, with jitter; a paused request gives its place to another.
    """

    def __init__(self, model: Model, *, attempts: int = 4, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name = model.name
        self.endpoint = model.endpoint
        self.parallel = model.parallel
        self.context_window = model.context_window
        self.supports_raw = bool(getattr(model, "supports_raw", True))
        self._model = model
        self._attempts = attempts
        self._sleep = sleep
        self._slots = threading.BoundedSemaphore(model.parallel)

    @property
    def only_decides(self) -> bool:
        """Whether the model answers typed questions alone."""
        return bool(getattr(self._model, "only_decides", False))

    @property
    def digest(self) -> str | None:
        """What identifies the weights."""
        return self._patiently(lambda: self._model.digest)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt.

        Raises:
            TransientError: the last one, when every attempt met one.
        """
        return self._patiently(lambda: self._model.complete(prompt, sampling))

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the text has."""
        return self._model.count_tokens(text)

    def close(self) -> None:
        """Free what the model holds."""
        self._model.close()

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        import tenacity  # here, for it brings asyncio along, which models in the process do without

        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: Answer = attempts(self._bounded, ask)
        except TransientError as error:
            raise TransientError(
                f"{error} Gave up after {self._attempts} attempts: look at the server's log, or ask for less at once."
            ) from error
        return answer

    def _bounded(self, ask: Callable[[], Answer]) -> Answer:
        with self._slots:
            return ask()
