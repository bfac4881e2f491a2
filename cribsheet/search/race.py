"""Race candidates against each other, in blocks of rows."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from statistics import fmean
from typing import Protocol

from cribsheet.layout.decisions import decided_field
from cribsheet.search.candidate import Candidate
from cribsheet.search.elimination import survivors
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

FIRST_BLOCK, FIRST_DECIDED = 24, 8
"""Rows that every candidate answers: fewer if outcomes are decided, for shares tell more than scores."""
GROWTH = 3
"""How many times the rows grow from look to look: each look has the engine read the demos again."""
ENTRY = 0.5
"""The part of a stage's budget that goes into first blocks; the survivors' further rows have the rest."""


class Proposals(Protocol):
    """Where a race's candidates come from: it asks for one and tells what became of it, before it asks again."""

    def ask(self) -> Candidate | None:
        """Return a candidate that may enter; None if there are no more."""

    def tell(self, trial: Trial) -> None:
        """Take in how the candidate did that was asked for last, if it entered."""


class Listed:
    """Proposals that learn nothing."""

    def __init__(self, candidates: Iterable[Candidate]):
        self._candidates = iter(candidates)

    def ask(self) -> Candidate | None:
        """Return the next candidate."""
        return next(self._candidates, None)

    def tell(self, trial: Trial) -> None:
        """Do nothing."""


class Race:
    """One race, with its own part of the budget.

    All candidates answer the same rows, block by block. After each block those drop out that an
    anytime-valid paired test finds worse than the leader: over the whole stage, whatever is looked at
    when, the best candidate is so dropped with a probability of at most `elimination.ALPHA`. Of those that
    are left, as many answer the next block, the best first, as the stage's budget pays for when every
    look to come gets an equal part; the others stand where they are.
    """

    def __init__(self, study: Study, allowance: float):
        self.study = study
        self.trials: list[Trial] = []
        """All that entered, in that order."""
        self._allowance = allowance
        self._start = study.ledger.left

    @property
    def left(self) -> float:
        """What the stage may still spend, in the budget's unit."""
        return self._allowance - (self._start - self.study.ledger.left)

    def run(self, proposals: Proposals, *, keep: int, incumbents: Sequence[Trial] = ()) -> list[Trial]:
        """Race until `keep` candidates are left, all rows are answered or the budget is spent.

        Returns the `keep` best, the best first; fewer if fewer entered or the others are worse. Each candidate is
        asked for when the one before has answered its first block. Incumbents have answered theirs.
        """
        rows = first_block(self.study)
        self.trials += incumbents
        self._enter(proposals, rows, least=keep)
        running = self._survivors(self.trials, rows)
        while len(running) > keep and rows < len(self.study.val):
            following = min(rows * GROWTH, len(self.study.val))
            affordable = self._affordable(running, following)
            if affordable < keep:
                break
            rows = following
            for trial in running[:affordable]:
                self.study.extend(trial, rows)
            running = self._survivors(running[:affordable], rows)
        return running[:keep]

    def _enter(self, proposals: Proposals, rows: int, *, least: int) -> None:
        while (candidate := proposals.ask()) is not None:
            if self.study.may_enter(candidate):
                self.trials.append(self.study.trial(candidate))
                self.study.extend(self.trials[-1], rows)
                proposals.tell(self.trials[-1])
            if self.left <= (1 - ENTRY) * self._allowance and len(self.trials) >= least:
                return

    def _survivors(self, running: Sequence[Trial], rows: int) -> list[Trial]:
        """Return the trials that are not found worse on the first rows, the best first."""
        merits = [trial.merits[:rows] for trial in running]
        left = [(fmean(merits[place]), place) for place in survivors(merits, entered=len(self.trials))]
        return [running[place] for _, place in sorted(left, key=lambda pair: -pair[0])]

    def _affordable(self, running: Sequence[Trial], following: int) -> int:
        """Return how many of the candidates, the best first, may go on to the `following`-th row."""
        looks = 1
        while following * GROWTH**looks <= len(self.study.val):
            looks += 1
        costs = accumulate(trial.price / trial.rows * max(0, following - trial.rows) for trial in running)
        return sum(cost <= self.left / looks for cost in costs)


def first_block(study: Study) -> int:
    """Return how many rows every candidate answers."""
    return min(FIRST_DECIDED if decides(study) else FIRST_BLOCK, len(study.val))


def decides(study: Study) -> bool:
    """Tell whether every predictor's outcome is decided by log-probabilities."""
    return study.tells_logprobs and all(decided_field(one) is not None for one in study.signatures.values())
