"""Budgets are read as people write them."""

import pytest

from cribsheet.budget import Budget
from cribsheet.errors import BudgetError


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
