"""What a compile may cost, as a hard limit."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cribsheet.errors import BudgetError
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.prompts import Prompt
from cribsheet.search.prefixes import Prefixes

Unit = Literal["tokens", "calls", "minutes"]

_FORM = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>k|m|calls?|tokens?|min|minutes?|M)?")
_SCALES: dict[str, tuple[float, Unit]] = {
    "": (1, "tokens"),
    "token": (1, "tokens"),
    "tokens": (1, "tokens"),
    "k": (1e3, "tokens"),
    "M": (1e6, "tokens"),
    "call": (1, "calls"),
    "calls": (1, "calls"),
    "m": (1, "minutes"),
    "min": (1, "minutes"),
    "minute": (1, "minutes"),
    "minutes": (1, "minutes"),
}
_CLOSING_TOKENS = 6


class BudgetExhausted(Exception):
    """Raised inside a search when the next row may not be paid for; the best so far is the result."""


class SearchStopped(Exception):
    """Raised inside a search after the row at which it was stopped by hand; the best so far is the result."""


@dataclass(frozen=True)
class Budget:
    """A limit on tokens evaluated, on model calls, or on minutes of model time."""

    limit: float
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Read `40k` or `40000` (tokens), `500calls`, or `3m` (minutes).

        >>> Budget.parse("40k")
        Budget(limit=40000.0, unit='tokens')
        """
        match = _FORM.fullmatch(text.strip())
        if match is None or float(match["number"]) <= 0:
            raise BudgetError(
                f"{text!r} is no budget. Write a number of tokens (40k), of calls (500calls) or of minutes (3m)."
            )
        scale, unit = _SCALES[match["unit"] or ""]
        return cls(float(match["number"]) * scale, unit)

    def __str__(self) -> str:
        return f"{self.limit:g} {self.unit}"


class Ledger:
    """Counts what a compile has cost, the same in every run of the same compile.

    Costs are read off completions, cached or not, so a run that is resumed from the cache comes to
    the same decisions as one that was never stopped. What a prompt shares with prompts that the engine
    still holds, going by their order, is free where it tells of a prefix cache; how much was really served
    from there would depend on what the engine did before.

    `prefix_tokens` is how many tokens of prompts, the last one included, the engine keeps.
    """

    def __init__(
        self, budget: Budget, *, count_tokens: Callable[[str], int], parallel: int = 1, prefix_tokens: int = 0
    ):
        self.budget = budget
        self.spent = 0.0
        self.tokens = 0
        self.reserved = 0.0
        self.is_stopped = False
        """Set by hand: the next row is the last."""
        self._count_tokens = count_tokens
        self._parallel = parallel
        self._prefixes = Prefixes(prefix_tokens)

    @property
    def left(self) -> float:
        """What may still be spent before what is reserved."""
        return self.budget.limit - self.spent - self.reserved

    def charge(self, prompt: Prompt, completion: Completion) -> float:
        """Count one completion; return its cost in the budget's unit.

        Raises:
            SearchStopped: where the search was stopped by hand.
        """
        tokens = self._evaluated(prompt, completion) + completion.usage.completion_tokens
        seconds = completion.seconds / self._parallel
        cost = {"tokens": float(tokens), "calls": 1.0, "minutes": seconds / 60}[self.budget.unit]
        self.tokens += tokens
        self.spent += cost
        self._check_stopped()
        return cost

    def check(self) -> None:
        """Raise BudgetExhausted where nothing is left, SearchStopped where the search was stopped by hand."""
        self._check_stopped()
        if self.left <= 0:
            raise BudgetExhausted

    def _check_stopped(self) -> None:
        if self.is_stopped:
            raise SearchStopped

    def _evaluated(self, prompt: Prompt, completion: Completion) -> int:
        """Return how many of the prompt's tokens come after what the engine has read before."""
        text, usage = prompt.plain, completion.usage
        shared = self._prefixes.read(text, tokens=usage.prompt_tokens)
        if usage.cached_tokens is None or not shared:
            return usage.prompt_tokens
        # The template closes the last turn anew; the last token is always read, for its log-probabilities.
        template = _CLOSING_TOKENS if prompt.is_chat else 0
        return min(usage.prompt_tokens, max(1, self._count_tokens(text[shared:]) + template))


@dataclass(frozen=True)
class Charged:
    """A model whose completions a budget pays for."""

    model: Completer
    ledger: Ledger

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return what the model says, where the budget pays for it; else raise BudgetExhausted."""
        completion = self.model.complete(prompt, sampling)
        self.ledger.charge(prompt, completion)
        self.ledger.check()
        return completion
