"""Count what is asked of a model."""

import threading
from dataclasses import dataclass

from cribsheet.models._base import Completion


@dataclass
class Meter:
    """What was really asked of a model in this process. Safe to add to from several threads."""

    calls: int = 0
    """Requests that the model answered."""
    cached_calls: int = 0
    """Requests that the cache answered; they count nowhere else but in `completion_cached_tokens`."""
    prompt_tokens: int = 0
    """Tokens of the prompts that the model was asked."""
    evaluated_tokens: int = 0
    """Those of them that the engine read anew; all of them if it tells nothing of its prefix cache."""
    prefix_cached_tokens: int | None = None
    """Those of them that the prefix cache served; None if no engine told."""
    completion_cached_tokens: int = 0
    """Tokens of the prompts that the completion cache answered."""
    completion_tokens: int = 0
    """Tokens generated."""
    model_seconds: float = 0.0
    """Time of the calls, added up; more than the time that passed if calls ran side by side."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @property
    def cached_share(self) -> float | None:
        """How much of all prompt tokens came from the two caches, from 0 to 1; None before there are any."""
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
        """Count what it took to find out what an endpoint can do."""
        with self._lock:
            self.calls += calls
            self.prompt_tokens += tokens
            self.evaluated_tokens += tokens
