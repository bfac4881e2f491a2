"""What optimizers are made of; docs/extending.md shows how to write one."""

from cribsheet.budget import Budget, BudgetExhausted, SearchStopped
from cribsheet.budget.ledger import Ledger
from cribsheet.budget.recording import Charged
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections import FITTERS, Fitter
from cribsheet.search.demos import answered_only, balanced, demos_of, short
from cribsheet.search.effects import Effects
from cribsheet.search.race import Listed, Proposals, Race
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

__all__ = [
    "FITTERS",
    "Budget",
    "BudgetExhausted",
    "Candidate",
    "Charged",
    "Effects",
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
    "demos_of",
    "short",
]
