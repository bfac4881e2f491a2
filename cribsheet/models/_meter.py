"""Count the calls and tokens that a model was asked for."""

import threading
from dataclasses import dataclass

from cribsheet.models import forks
from cribsheet.models._base import Completion


@dataclass
class Meter:
    """The calls, tokens and seconds that a model used in this process. Safe to update from several threads."""

    calls: int = 0
    """Requests that the model answered."""
    cached_calls: int = 0
    """Requests that the completion cache answered. Beside this, only `completion_cached_tokens` counts them."""
    prompt_tokens: int = 0
    """Tokens in the prompts that the model answered."""
    evaluated_tokens: int = 0
    """How many of `prompt_tokens` the engine evaluated; all of them if it reports nothing about its prefix cache."""
    prefix_cached_tokens: int | None = None
    """How many of `prompt_tokens` came from the engine's prefix cache; None if no engine reported it."""
    completion_cached_tokens: int = 0
    """Tokens in the prompts that the completion cache answered."""
    completion_tokens: int = 0
    """Tokens generated."""
    model_seconds: float = 0.0
    """Sum of the calls' durations; more than the elapsed time if calls ran in parallel."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        forks.renew_in_child(self, "_lock", threading.Lock)

    @property
    def cached_share(self) -> float | None:
        """The share of all prompt tokens that came from either cache, from 0 to 1; None before the first call."""
        tokens = self.prompt_tokens + self.completion_cached_tokens
        return 1 - self.evaluated_tokens / tokens if tokens else None

    def add(self, completion: Completion) -> None:
        """Count a completion."""
        usage = completion.usage
        with self._lock:
            if completion.cached:
                self.cached_calls += 1
                self.completion_cached_tokens += usage.prompt_tokens
                return
            self.calls += 1
            self.prompt_tokens += usage.prompt_tokens
            self.evaluated_tokens += usage.evaluated_tokens
            if usage.cached_tokens is not None:
                self.prefix_cached_tokens = (self.prefix_cached_tokens or 0) + usage.cached_tokens
            self.completion_tokens += usage.completion_tokens
            self.model_seconds += completion.seconds

    def add_probe(self, calls: int, tokens: int) -> None:
        """Count the calls and tokens of a probe (see `Probed.probe`)."""
        with self._lock:
            self.calls += calls
            self.prompt_tokens += tokens
            self.evaluated_tokens += tokens
