"""Ask a served model again if a fault may pass, within what the server likes at once."""

import threading
from collections.abc import Callable
from typing import TypeVar

from cribsheet.errors import ModelError, TransientError
from cribsheet.models._base import Completion, Model, Sampling
from cribsheet.models._waiting import Waiting
from cribsheet.models.capabilities import Capabilities, Probed, Told
from cribsheet.prompts import Prompt

LONGEST_WAIT = 8.0
"""Seconds: no pause between two attempts is longer."""

Answer = TypeVar("Answer")


class Retrying:
    """A model around another one: it asks again after a `TransientError`, never too much at once.

    At most `model.parallel` requests are in flight, over all threads. The pauses between attempts grow
    exponentially, with jitter; a paused request gives its place to another. `abandon` ends all waiting.
    """

    def __init__(self, model: Model, *, attempts: int = 4, sleep: Callable[[float], None] | None = None) -> None:
        self.name = model.name
        self.endpoint = model.endpoint
        self.parallel = model.parallel
        self._model = model
        self._attempts = attempts
        self._waiting = Waiting()
        self._sleep = sleep or self._waiting.sleep
        self._slots = threading.BoundedSemaphore(model.parallel)

    @property
    def context_window(self) -> int:
        """Tokens that prompt and completion may have together."""
        return self._model.context_window

    @property
    def supports_raw(self) -> bool:
        """Whether raw prompts are completed."""
        return bool(getattr(self._model, "supports_raw", True))

    @property
    def supports_chat(self) -> bool:
        """Whether chats are completed."""
        return bool(getattr(self._model, "supports_chat", True))

    @property
    def counts_exactly(self) -> bool:
        """Whether tokens are counted by the model's own tokenizer, rather than estimated from above."""
        return bool(getattr(self._model, "counts_exactly", True))

    @property
    def only_decides(self) -> bool:
        """Whether the model answers typed questions alone."""
        return bool(getattr(self._model, "only_decides", False))

    @property
    def digest(self) -> str | None:
        """What identifies the weights."""
        return self._patiently(lambda: self._model.digest)

    @property
    def under_way(self) -> list[float]:
        """For how many seconds each answer under way is waited for, the longest first."""
        return self._waiting.ages

    def abandon(self) -> None:
        """Wait for no answer any longer: who does gets an AbandonedError, and so does who asks anew."""
        self._waiting.abandon()

    def told(self) -> Told | None:
        """Return what the endpoint says of itself; None if there is nobody to ask."""
        model = self._model
        return self._patiently(model.told) if isinstance(model, Probed) else None

    def probe(self, told: Told) -> Capabilities:
        """Return what the endpoint grants of what it is asked for."""
        model = self._model
        return self._patiently(lambda: model.probe(told)) if isinstance(model, Probed) else Capabilities()

    def adopt(self, capabilities: Capabilities) -> None:
        """Ask for no more from now on than was granted."""
        if isinstance(self._model, Probed):
            self._model.adopt(capabilities)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt.

        Raises:
            TransientError: the last one, when every attempt met one.
            ModelError: the prompt has `begun` an answer: a server would ignore it, or take it for a whole turn.
        """
        if prompt.begun:
            raise ModelError(
                f"{self.name} cannot go on from the beginning of an answer, but got {prompt.begun!r}. Ask without it."
            )
        return self._patiently(lambda: self._model.complete(prompt, sampling))

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the text has."""
        if self.counts_exactly:
            return self._waiting.for_answer(lambda: self._model.count_tokens(text))
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
            return self._waiting.for_answer(ask)
