"""What optimizers are made of; docs/extending.md shows how to write one.

Each name is imported when it is first used, so that importing one module of the package does not pull in the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cribsheet.search.budget import Budget, BudgetExhausted, SearchStopped
    from cribsheet.search.candidate import Candidate
    from cribsheet.search.corrections._base import Fitter
    from cribsheet.search.demo_sampling import DemoSampler, Effects, covering
    from cribsheet.search.demos import answered_only, balanced, demos_of, short
    from cribsheet.search.evaluator import Evaluator
    from cribsheet.search.ledger import Bill, Charged, Ledger
    from cribsheet.search.race import Listed, Proposals, Race
    from cribsheet.search.study import Study
    from cribsheet.search.trial import Trial

_HOMES = {
    "Bill": "ledger",
    "Budget": "budget",
    "BudgetExhausted": "budget",
    "Candidate": "candidate",
    "Charged": "ledger",
    "DemoSampler": "demo_sampling",
    "Effects": "demo_sampling",
    "Evaluator": "evaluator",
    "Fitter": "corrections._base",
    "Ledger": "ledger",
    "Listed": "race",
    "Proposals": "race",
    "Race": "race",
    "SearchStopped": "budget",
    "Study": "study",
    "Trial": "trial",
    "answered_only": "demos",
    "balanced": "demos",
    "covering": "demo_sampling",
    "demos_of": "demos",
    "short": "demos",
}

__all__ = [
    "Bill",
    "Budget",
    "BudgetExhausted",
    "Candidate",
    "Charged",
    "DemoSampler",
    "Effects",
    "Evaluator",
    "Fitter",
    "Ledger",
    "Listed",
    "Proposals",
    "Race",
    "SearchStopped",
    "Study",
    "Trial",
    "answered_only",
    "balanced",
    "covering",
    "demos_of",
    "short",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"cribsheet.search.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'cribsheet.search' has no attribute {name!r}")
