"""Detect that a server has changed the weights behind a model's name."""

import math
import threading
from collections.abc import Callable, Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from cribsheet.errors import AbandonedError, ModelError, TransientError, UnreachableError
from cribsheet.models import forks
from cribsheet.models._base import Completion, Sampling
from cribsheet.models._store import CompletionCache
from cribsheet.prompts import Prompt

NEARNESS = 0.5
"""Log-probabilities of the same weights may differ by this many nats; a server's batching alone changes them by 0.3."""
_LEAST = math.log(0.02)
"""Alternatives with a lower log-probability than this are not compared."""
_WATCHED = 64
"""How many completions of a first run are considered as the one to store for comparison."""

Ask = Callable[[Prompt, Sampling], Completion]


class _Record(BaseModel):
    """One prompt, with the answer of each set of weights that was ever served under the model's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt
    sampling: Sampling
    answers: Mapping[str, Completion]
    """Maps each generation of weights to its answer."""


class Witness:
    """One stored completion, used to recognize the weights of a server that reports no hash of them.

    At the start of each run, the same prompt is sent again. If the answer differs from all stored ones, the server has
    new weights: a new generation, whose completions get cache keys of their own. If it equals the answer of an earlier
    generation, the server has gone back to those weights.
    """

    def __init__(self, cache: CompletionCache, key: str) -> None:
        self.generation = ""
        """The current weights' generation, part of the cache key: "" for the first weights, then "1", "2" …"""
        self._cache, self._key = cache, key
        self._record = self._read()
        self._is_first_run = self._record is None
        self._watched = self._best = 0
        self._lock = threading.Lock()
        forks.renew_in_child(self, "_lock", threading.Lock)

    def check(self, ask: Ask) -> bool:
        """Send the stored prompt again; return whether the weights are new ones.

        Raises:
            TransientError, UnreachableError: the server does not answer at the moment.
        """
        record = self._record
        if record is None:
            return False
        try:
            answer = ask(record.prompt, record.sampling)
        except (TransientError, UnreachableError, AbandonedError):
            raise
        except ModelError as error:  # for example, the prompt no longer fits the window
            answer = Completion(text=f"{type(error).__name__}: {error}")
        same = [generation for generation, known in record.answers.items() if same_weights(known, answer)]
        if same:
            self.generation = same[0]
            return False
        self.generation = str(len(record.answers))
        self._write(record.model_copy(update={"answers": {**record.answers, self.generation: answer}}))
        return True

    def watch(self, prompt: Prompt, sampling: Sampling, completion: Completion) -> None:
        """Store a completion of the first run if it is better for comparing weights than those before it."""
        if not self._is_first_run or sampling.temperature:
            return
        with self._lock:
            self._watched += 1
            telling = _telling(completion)
            if self._watched <= _WATCHED and telling > self._best:
                self._best = telling
                answers = {self.generation: completion.model_copy(update={"cached": False})}
                self._write(_Record(prompt=prompt, sampling=sampling, answers=answers))

    def _read(self) -> _Record | None:
        try:
            return _Record.model_validate(self._cache.get(self._key))
        except ValidationError:  # nothing is stored, or it is damaged
            return None

    def _write(self, record: _Record) -> None:
        self._record = record
        self._cache.put(self._key, record.model_dump(mode="json"))


def same_weights(one: Completion, other: Completion) -> bool:
    """Return whether both answers to a prompt can come from the same weights.

    >>> same_weights(Completion(text=" yes"), Completion(text=" no"))
    False
    """
    first, second = one.first_token, other.first_token
    if not first or not second:
        return one.text == other.text
    probable = [token for told in (first, second) for token, logprob in told.items() if logprob > _LEAST]
    if any(abs(first.get(token, -math.inf) - second.get(token, -math.inf)) > NEARNESS for token in probable):
        return False
    # If two tokens are about equally likely, either may be chosen, and the rest of the text differs with it.
    return one.text == other.text or all(_may_begin(text, first) for text in (one.text, other.text))


def _may_begin(text: str, first: Mapping[str, float]) -> bool:
    """Return whether a text begins with a token that is about as probable as the likeliest one."""
    likely = max(first.values()) - NEARNESS
    return any(text.startswith(token) or token.startswith(text) for token, logprob in first.items() if logprob > likely)


def _telling(completion: Completion) -> int:
    """Rank how well a completion identifies weights: 3 with several log-probabilities, 2 with text only, else 1."""
    if completion.first_token and len(completion.first_token) > 1:
        return 3
    return 2 if completion.text.strip() else 1
