"""Tell whether a server still serves the weights that gave the stored completions."""

import math
import threading
from collections.abc import Callable, Mapping

from pydantic import BaseModel, ConfigDict, ValidationError

from cribsheet.errors import AbandonedError, ModelError, TransientError, UnreachableError
from cribsheet.models._base import Completion, Sampling
from cribsheet.models._store import CompletionCache
from cribsheet.prompts import Prompt

NEARNESS = 0.5
"""Nats that log-probabilities of the same weights may differ by: a server's batches and its cache move them by 0.3."""
_LEAST = math.log(0.02)
"""Alternatives that are less probable than this are not compared."""
_WATCHED = 64
"""Completions of a first run that are looked at for the one that tells weights apart best."""

Ask = Callable[[Prompt, Sampling], Completion]


class _Record(BaseModel):
    """One prompt, with what each of the weights that were served under the same name has answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: Prompt
    sampling: Sampling
    answers: Mapping[str, Completion]
    """By generation."""


class Witness:
    """One stored completion of a server that does not tell a hash of its weights.

    At the start of a run it is asked for anew. If the answer is another one, other weights have come: they are a new
    generation, whose completions are stored apart. If it is that of an earlier generation, those are back.
    """

    def __init__(self, cache: CompletionCache, key: str) -> None:
        self.generation = ""
        """Stands for the weights served now, among those served under the same name; empty for the first ones."""
        self._cache, self._key = cache, key
        self._record = self._read()
        self._is_first_run = self._record is None
        self._watched = self._best = 0
        self._lock = threading.Lock()

    def check(self, ask: Ask) -> bool:
        """Ask for the stored completion anew; return whether the weights are others than those of the last check.

        Raises:
            TransientError, UnreachableError: the server does not answer now.
        """
        record = self._record
        if record is None:
            return False
        try:
            answer = ask(record.prompt, record.sampling)
        except (TransientError, UnreachableError, AbandonedError):
            raise
        except ModelError:  # it does not fit any longer, or prompts of its style are not taken
            self.generation = str(len(record.answers))
            return True
        same = [generation for generation, known in record.answers.items() if same_weights(known, answer)]
        if same:
            self.generation = same[0]
            return False
        self.generation = str(len(record.answers))
        self._write(record.model_copy(update={"answers": {**record.answers, self.generation: answer}}))
        return True

    def watch(self, prompt: Prompt, sampling: Sampling, completion: Completion) -> None:
        """Keep the completion that tells weights apart best, of the first ones that were ever given."""
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
        except ValidationError:  # none, or damaged
            return None

    def _write(self, record: _Record) -> None:
        self._record = record
        self._cache.put(self._key, record.model_dump(mode="json"))


def same_weights(one: Completion, other: Completion) -> bool:
    """Tell whether the same weights may have given both answers to a prompt.

    >>> same_weights(Completion(text=" yes"), Completion(text=" no"))
    False
    """
    first, second = one.first_token, other.first_token
    if not first or not second:
        return one.text == other.text
    probable = [token for told in (first, second) for token, logprob in told.items() if logprob > _LEAST]
    if any(abs(first.get(token, -math.inf) - second.get(token, -math.inf)) > NEARNESS for token in probable):
        return False
    # Which of two equals is drawn may differ from time to time, and with it what follows.
    return one.text == other.text or all(_may_begin(text, first) for text in (one.text, other.text))


def _may_begin(text: str, first: Mapping[str, float]) -> bool:
    """Tell whether a text begins with a token that is about as probable as the likeliest."""
    likely = max(first.values()) - NEARNESS
    return any(text.startswith(token) or token.startswith(text) for token, logprob in first.items() if logprob > likely)


def _telling(completion: Completion) -> int:
    """Return how well a completion tells weights apart: several log-probabilities best, no text not at all."""
    if completion.first_token and len(completion.first_token) > 1:
        return 3
    return 2 if completion.text.strip() else 1
