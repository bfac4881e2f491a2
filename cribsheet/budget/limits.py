"""What a compile may cost, as a hard limit."""

import re
from dataclasses import dataclass
from typing import Literal

from cribsheet.errors import BudgetError

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
