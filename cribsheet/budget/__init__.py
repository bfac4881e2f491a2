"""What a compile may cost, and what it has cost so far."""

from cribsheet.budget.limits import Budget, BudgetExhausted, SearchStopped

__all__ = ["Budget", "BudgetExhausted", "SearchStopped"]
