"""Detect that a server has changed the weights behind a model's name."""

import math
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cribsheet.errors import PromptError
from cribsheet.models import forks
from cribsheet.models._base import Completion, Sampling
from cribsheet.models._store import CompletionCache
from cribsheet.prompts import Prompt
from cribsheet.text import shared_length

NEARNESS = 0.5
"""Log-probabilities of the same weights may differ by this many nats; a server's batching alone changes them by 0.3."""
_LEAST = math.log(0.02)
"""A token may be missing from the other answer's alternatives if its log-probability is lower than this."""
_TAIL = math.log(0.001)
_TAIL_NEARNESS = 1.5
"""The same as `NEARNESS`, for tokens whose log-probability is between `_TAIL` and `_LEAST`."""
_WATCHED = 64
"""How many completions of a first run are considered as the one to store for comparison."""
_PATIENCE = 8
"""From this completion on, a first run no longer expects one with log-probabilities."""
_LONG = 40  # characters; a shorter text has to be the same as a whole
_FREE_TOKENS = 32
"""The length of a text that is compared if there are no log-probabilities: two models often agree on a single word."""

_PROMPT = "prompt"
"""What a refused prompt has in `Completion.refused` here."""

Verdict = Literal["same", "other", "mixed"]
"""The weights are known ones, new ones, or change from one request to the next."""
Ask = Callable[[Prompt, Sampling], Completion]


class _Record(BaseModel):
    """One prompt, with the answer of each set of weights that was ever served under the model's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first: str
    """The generation of the weights that were served when the record was made."""
    prompt: Prompt | None = None
    """None until the first completion."""
    sampling: Sampling = Sampling()
    answers: Mapping[str, Completion] = {}
    """Maps each generation of weights to its answer."""


class Witness:
    """One stored completion, used to recognize the weights of a server that reports no hash of them.

    At the start of each run, the same prompt is sent again. If the answer differs from all stored ones, the server has
    new weights: a new generation, whose completions get cache keys of their own. If it equals the answer of an earlier
    generation, the server has gone back to those weights.

    Generations have random names. So if the record is lost, for example because the cache is full, the completions that
    can no longer be checked are not used either.
    """

    def __init__(self, cache: CompletionCache, key: str, ask: Ask) -> None:
        self._cache, self._key, self._ask = cache, key, ask
        record = self._read()
        self._is_first_run = record is None or record.prompt is None
        self._record = record or _Record(first=_new_generation())
        self.generation = self._record.first
        """The current weights' generation, part of the cache key."""
        if record is None:
            self._write(self._record)
        self._watched, self._best = 0, 0.0
        self._lock = threading.Lock()
        forks.renew_in_child(self, "_lock", threading.Lock)

    def check(self) -> Verdict:
        """Send the stored prompt again, and return what its answer says about the weights.

        An answer that differs from all stored ones is asked for twice, because several servers behind one address may
        take turns. Then no earlier completion is used, and a later run uses none of this one.

        Raises:
            ModelError: the server does not answer at the moment, or not to this user.
        """
        record = self._read() or self._record
        if record.prompt is None:
            return "same"
        answer = self._asked(record.prompt, record.sampling)
        same = [generation for generation, known in record.answers.items() if same_weights(known, answer)]
        if same:
            self.generation = same[0]
            return "same"
        self._is_first_run = False
        self.generation = _new_generation()
        if _is_completion(answer) and not same_weights(answer, self._asked(record.prompt, record.sampling)):
            return "mixed"
        self._write(record.model_copy(update={"answers": {**record.answers, self.generation: answer}}))
        return "other"

    def watch(self, prompt: Prompt, sampling: Sampling, completion: Completion) -> None:
        """Store a completion of the first run if it is better for comparing weights than those before it.

        If its text is all that there is to compare, or if it was drawn at random, the model is asked for a longer text.
        """
        if not self._is_first_run:
            return
        with self._lock:
            self._watched += 1
            telling = 0.0 if sampling.temperature else _telling(completion)
            has_only_text = max(self._best, telling) <= _TEXT and self._watched == _PATIENCE
            if has_only_text or (sampling.temperature and not self._best):
                telling = _TEXT + 0.5
                prompt = prompt.model_copy(update={"stop": ()})
                sampling = Sampling(max_tokens=_FREE_TOKENS, top_logprobs=sampling.top_logprobs)
                completion = self._asked(prompt, sampling)
            if self._watched > _WATCHED or telling <= self._best:
                return
            self._best = telling
            answers = {self.generation: completion.model_copy(update={"cached": False})}
            made = _Record(first=self.generation, prompt=prompt, sampling=sampling, answers=answers)
            stored = self._read()
            if stored and not set(stored.answers) <= {self.generation}:  # another process has found other weights
                self._is_first_run = False
                return
            self._write(made)

    def _asked(self, prompt: Prompt, sampling: Sampling) -> Completion:
        try:
            return self._ask(prompt, sampling)
        except PromptError as error:  # for example, the prompt no longer fits the window
            return Completion(text=f"{type(error).__name__}: {error}", refused=(_PROMPT,))

    def _read(self) -> _Record | None:
        try:
            return _Record.model_validate(self._cache.get(self._key))
        except ValidationError:  # nothing is stored, or it is damaged
            return None

    def _write(self, record: _Record) -> None:
        self._record = record
        self._cache.put(self._key, record.model_dump(mode="json"))


def _is_completion(answer: Completion) -> bool:
    return _PROMPT not in answer.refused


def _new_generation() -> str:
    return secrets.token_hex(6)


def same_weights(one: Completion, other: Completion) -> bool:
    """Return whether both answers to a prompt can come from the same weights.

    >>> same_weights(Completion(text=" yes"), Completion(text=" no"))
    False
    """
    first, second = one.first_token, other.first_token
    if not first or not second:
        return _begin_alike(one.text, other.text)
    if not (_agrees(first, second) and _agrees(second, first)):
        return False
    # If two tokens are about equally likely, either may be chosen, and the rest of the text differs with it.
    return one.text == other.text or all(_may_begin(text, first) for text in (one.text, other.text))


def _begin_alike(one: str, other: str) -> bool:
    """Return whether two texts are equal, or have the first half in common if they are long.

    A server that batches requests may choose another of two tokens that are about equally likely, and go on from there.
    """
    shorter = min(len(one), len(other))
    return one == other or (shorter >= _LONG and 2 * shared_length(one, other) >= shorter)


def _agrees(first: Mapping[str, float], second: Mapping[str, float]) -> bool:
    """Return whether the second answer gives each token of the first about the same log-probability."""
    least = min(second.values())
    for token, logprob in first.items():
        if logprob > _LEAST and abs(logprob - second.get(token, -math.inf)) > NEARNESS:
            return False
        if logprob > _TAIL and abs(logprob - second.get(token, min(least, logprob))) > _TAIL_NEARNESS:
            return False
    return True


def _may_begin(text: str, first: Mapping[str, float]) -> bool:
    """Return whether a text begins with a token that is about as probable as the likeliest one."""
    likely = max(first.values()) - NEARNESS
    return any(text.startswith(token) or token.startswith(text) for token, logprob in first.items() if logprob > likely)


_TEXT = 2.0


def _telling(completion: Completion) -> float:
    """Rank how well a completion identifies weights: above 2 with log-probabilities, 2 with text only, else 1.

    An answer that leaves several tokens probable tells more than one that any good model is sure of.
    """
    if completion.first_token and len(completion.first_token) > 1:
        return 3 - sum(logprob * math.exp(logprob) for logprob in completion.first_token.values())
    return _TEXT if completion.text.strip() else 1.0
