"""Retry requests to a served model that failed for a reason that may pass."""

import threading
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from cribsheet.errors import BrokenOffError, ModelError, TimedOutError, TransientError, UnreachableError
from cribsheet.models import forks
from cribsheet.models._base import Completion, Kind, MayCount, Model, Sampling
from cribsheet.models._waiting import Waiting
from cribsheet.models.capabilities import Capabilities, Probed, Told
from cribsheet.prompts import Prompt
from cribsheet.text import counted

if TYPE_CHECKING:
    import tenacity

LONGEST_WAIT = 8.0
"""The longest pause between two attempts, in seconds, unless the server asks for a longer one."""
PATIENCE = 180.0
"""How many seconds a request waits in all while a server is busy or down, if somebody is told about the wait."""
_BUSY = frozenset({429, 502, 503})
"""The HTTP statuses of a server that is busy, loads its model, or is just being restarted behind a gateway."""
_RESTARTED = frozenset({502, 503})
"""The statuses that a gateway gives while the server behind it is restarted."""
_QUIET = 5.0  # nobody needs to be told about pauses of fewer seconds
_TIMED_OUT = 2  # the most attempts if the last one timed out: a cold model may be loaded by then, a hung one is not

Answer = TypeVar("Answer")


class Retrying:
    """A wrapper around a model that retries a request after a `TransientError`.

    At most `model.parallel` requests are in flight, over all threads. The pauses between attempts grow exponentially,
    with jitter, and are as long as the server asks. A request that pauses lets another one run. `abandon` ends all
    waiting.

    If there is a `notice`, a server that is busy, or that is down after it has answered before, is waited for up to
    `PATIENCE` seconds, and the notice tells about such a wait. Without one, nobody would know why the answer takes so
    long, so `attempts` is the limit. A server that was never there is not waited for.
    """

    def __init__(
        self,
        model: Model,
        *,
        attempts: int = 4,
        sleep: Callable[[float], None] | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.name = model.name
        self.endpoint = model.endpoint
        self.parallel = model.parallel
        self._model = model
        self._attempts = attempts
        self._waiting = Waiting()
        self._sleep = sleep or self._waiting.sleep
        self._notice = notice
        self._told_of: set[type[ModelError]] = set()
        """The kinds of failures that the notice has told about."""
        self._has_answered = False
        self.outages = 0
        """How often a server that had answered before was down."""
        self._telling = threading.Lock()
        forks.renew_in_child(self, "_telling", threading.Lock)
        self._patience = PATIENCE if notice else 0.0
        self._slots = threading.BoundedSemaphore(model.parallel)
        forks.renew_in_child(self, "_slots", partial(threading.BoundedSemaphore, model.parallel))

    @property
    def context_window(self) -> int:
        """The most tokens that a prompt and its completion may have together."""
        return self._model.context_window

    @property
    def supports_raw(self) -> bool:
        """Whether the model completes raw prompts."""
        return bool(getattr(self._model, "supports_raw", True))

    @property
    def supports_chat(self) -> bool:
        """Whether the model completes chats."""
        return bool(getattr(self._model, "supports_chat", True))

    @property
    def takes_grammar(self) -> Collection[Kind]:
        """The kinds of prompts whose completions the model holds to a grammar."""
        return getattr(self._model, "takes_grammar", ())

    @property
    def takes_json_schema(self) -> Collection[Kind]:
        """The kinds of prompts whose completions the model holds to a JSON Schema."""
        return getattr(self._model, "takes_json_schema", ())

    @property
    def counts_exactly(self) -> bool:
        """Whether `count_tokens` uses the model's own tokenizer instead of an estimate."""
        return bool(getattr(self._model, "counts_exactly", True))

    @property
    def only_decides(self) -> bool:
        """Whether the model answers typed questions only."""
        return bool(getattr(self._model, "only_decides", False))

    @property
    def digest(self) -> str | None:
        """The hash that identifies the weights; None if the endpoint does not report one."""
        return self._patiently(lambda: self._model.digest)

    @property
    def under_way(self) -> list[float]:
        """How many seconds each pending request has been waiting, longest first."""
        return self._waiting.ages

    def abandon(self) -> None:
        """Stop waiting for answers: all pending and all later requests raise an AbandonedError."""
        self._waiting.abandon()

    def told(self) -> Told | None:
        """Return what the endpoint says about itself; None if it cannot be asked."""
        model = self._model
        return self._patiently(model.told) if isinstance(model, Probed) else None

    def probe(self, told: Told) -> Capabilities:
        """Find out what the endpoint can do, by asking it for a few short completions."""
        model = self._model
        return self._answered(lambda: model.probe(told)) if isinstance(model, Probed) else Capabilities()

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on, ask for no more than the probe found to be granted."""
        if isinstance(self._model, Probed):
            self._model.adopt(capabilities)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt.

        Raises:
            TransientError, UnreachableError: every attempt failed; this is the last attempt's error.
            ModelError: the prompt has a `begun` answer, which a server would ignore or take for a complete turn.
        """
        if prompt.begun:
            raise ModelError(
                f"{self.name} cannot go on from the beginning of an answer, but got {prompt.begun!r}. Leave it out."
            )
        return self._answered(lambda: self._model.complete(prompt, sampling))

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in a text."""
        count = self.exact_count(text)
        return self._model.count_tokens(text) if count is None else count

    def exact_count(self, text: str) -> int | None:
        """Return the number of tokens in a text; None if it can only be estimated at the moment."""
        if not self.counts_exactly:
            return None
        model = self._model
        count = model.exact_count if isinstance(model, MayCount) else model.count_tokens
        return self._waiting.for_answer(lambda: count(text))

    def close(self) -> None:
        """Release the model's resources, such as open connections."""
        self._model.close()

    def _answered(self, ask: Callable[[], Answer]) -> Answer:
        """Ask for completions, and note that the server gives some."""
        answer = self._patiently(ask)
        self._has_answered = True
        self._told_of.discard(UnreachableError)  # the next outage is news
        return answer

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        with forks.importing:
            import tenacity  # imported here because it loads asyncio, which embedded models do not need

        pause = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT)
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._may_pass),
            stop=self._gives_up,
            wait=lambda state: max(pause(state), _asked(state)),
            before_sleep=self._tell,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: Answer = attempts(self._bounded, ask)
        except (TransientError, UnreachableError) as error:
            if not self._may_pass(error):
                raise
            raise self._given_up(error, attempts.statistics) from error
        return answer

    def _may_pass(self, error: BaseException) -> bool:
        return isinstance(error, TransientError) or self._is_down(error)

    def _is_down(self, error: BaseException) -> bool:
        """Return whether an error means that the server is down, for example restarted, although it answered before."""
        return self._has_answered and isinstance(error, UnreachableError | BrokenOffError)

    def _gives_up(self, state: "tenacity.RetryCallState") -> bool:
        """Return whether the failed attempt was the last one."""
        error, number = _error_of(state), state.attempt_number
        left = self._patience - max(state.idle_for, state.seconds_since_start or 0.0)
        if _asked(state) > max(LONGEST_WAIT, left):
            return True
        if isinstance(error, TimedOutError):
            return number >= min(self._attempts, _TIMED_OUT)
        is_busy = getattr(error, "status", 0) in _BUSY or self._is_down(error)
        return number >= self._attempts and not (is_busy and left > 0)

    def _tell(self, state: "tenacity.RetryCallState") -> None:
        """Count an outage; tell about the first time-out, and about the first longer pause of each other kind."""
        error = _error_of(state)
        if self._is_down(error) or (self._has_answered and getattr(error, "status", 0) in _RESTARTED):
            self.outages += 1
        has_timed_out = isinstance(error, TimedOutError)
        if not self._notice or not (has_timed_out or state.idle_for + state.upcoming_sleep > _QUIET):
            return
        kind = TimedOutError if has_timed_out else UnreachableError if self._is_down(error) else TransientError
        with self._telling:
            is_new = kind not in self._told_of
            self._told_of.add(kind)
        if is_new:
            what = "Asking once more." if has_timed_out else f"Waiting up to {self._patience:.0f} s for it."
            self._notice(f"{error} {what}")

    def _given_up(
        self, error: TransientError | UnreachableError, statistics: Mapping[str, Any]
    ) -> TransientError | UnreachableError:
        number, waited = statistics["attempt_number"], statistics["idle_for"]
        gave_up = f"{error} Gave up after {counted(number, 'attempt')} and {waited:.0f} s of waiting."
        if isinstance(error, UnreachableError):
            return UnreachableError(f"{gave_up} It has answered before: start it again, then run the command again.")
        mend = "Look at the server's log, or send fewer requests at the same time."
        if isinstance(error, TimedOutError):
            mend = "Look at the server's log, or give each request more time with --timeout."
        if error.retry_after > LONGEST_WAIT:
            mend = f"The server asks to wait {error.retry_after:.0f} s. Run the command again after that."
        return type(error)(f"{gave_up} {mend}", status=error.status, retry_after=error.retry_after)

    def _bounded(self, ask: Callable[[], Answer]) -> Answer:
        with self._slots:
            return self._waiting.for_answer(ask)


def _error_of(state: "tenacity.RetryCallState") -> BaseException:
    """Return the error of the failed attempt."""
    error = state.outcome.exception() if state.outcome else None
    return error or TransientError("The request failed.")


def _asked(state: "tenacity.RetryCallState") -> float:
    """Return the seconds that the server asked to wait."""
    error = _error_of(state)
    return error.retry_after if isinstance(error, TransientError) else 0.0
