"""Limit what a compile may cost."""

from cribsheet.budget.limits import Budget, BudgetExhausted, SearchStopped

__all__ = ["Budget", "BudgetExhausted", "SearchStopped"]
