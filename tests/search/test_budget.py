"""Budgets are read as people write them, and are the same in every run."""

import pytest

from cribsheet.errors import BudgetError
from cribsheet.models import Completion, Usage
from cribsheet.prompts import Prompt
from cribsheet.search.budget import Budget, BudgetExhausted, Ledger


@pytest.mark.parametrize(
    ("text", "limit", "unit"),
    [
        ("40k", 40_000, "tokens"),
        ("40000", 40_000, "tokens"),
        ("1.5M", 1_500_000, "tokens"),
        ("500calls", 500, "calls"),
        ("3m", 3, "minutes"),
        ("0.5 min", 0.5, "minutes"),
    ],
)
def test_a_budget_is_a_number_and_a_unit(text: str, limit: float, unit: str) -> None:
    assert (Budget.parse(text).limit, Budget.parse(text).unit) == (limit, unit)


@pytest.mark.parametrize("text", ["", "much", "-3k", "0", "5 bananas", "k"])
def test_what_is_no_budget_is_answered_with_the_forms(text: str) -> None:
    with pytest.raises(BudgetError, match="500calls"):
        Budget.parse(text)


def ledger_of(budget: str, *, parallel: int = 1) -> Ledger:
    return Ledger(Budget.parse(budget), count_tokens=len, parallel=parallel)


def charged(ledger: Ledger, text: str, *, tokens: int, cached: int | None = 0, written: int = 0) -> float:
    usage = Usage(prompt_tokens=tokens, cached_tokens=cached, completion_tokens=written)
    return ledger.charge(Prompt(text=text), Completion(text="", usage=usage, seconds=30))


def test_a_prefix_shared_with_the_prompt_before_is_free_whatever_the_engine_had_cached() -> None:
    ledger = ledger_of("1k")
    assert charged(ledger, "a" * 90 + "b" * 10, tokens=100, cached=70, written=3) == 103
    assert charged(ledger, "a" * 90 + "c" * 10, tokens=100, cached=0) == 10
    assert charged(ledger, "b" * 100, tokens=100, cached=90) == 100
    assert ledger.tokens == 213


def test_where_no_prefix_cache_is_told_of_every_token_counts() -> None:
    ledger = ledger_of("1k")
    charged(ledger, "a" * 100, tokens=100, cached=None)
    assert charged(ledger, "a" * 100, tokens=100, cached=None) == 100


def test_calls_and_minutes_are_counted_as_such() -> None:
    calls, minutes = ledger_of("2calls"), ledger_of("1m", parallel=2)
    assert charged(calls, "x", tokens=5) == 1
    assert charged(minutes, "x", tokens=5) == 0.25


def test_the_ledger_stops_at_the_limit_less_what_is_reserved() -> None:
    ledger = ledger_of("3calls")
    ledger.reserved = 2
    ledger.check()
    charged(ledger, "x", tokens=1)
    with pytest.raises(BudgetExhausted):
        ledger.check()
