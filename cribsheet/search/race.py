"""Race candidates against each other, in blocks of rows."""

from collections.abc import Iterable, Sequence
from itertools import accumulate, count
from statistics import fmean
from typing import Protocol

from cribsheet.layout.decisions import decided_field
from cribsheet.search.candidate import Candidate
from cribsheet.search.elimination import survivors
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial

FIRST_BLOCK, FIRST_DECIDED = 24, 8
"""Rows that every candidate answers. They are fewer if outcomes are decided: probabilities tell more than scores."""
GROWTH = 3
"""The factor by which the rows grow from block to block. At each block the engine has to read the demos again."""
ENTRY = 0.5
"""The part of a stage's budget for first blocks. The rest is for further rows of the survivors."""


class Proposals(Protocol):
    """Where a race's candidates come from. The race asks for a candidate and tells its trial before it asks again."""

    def ask(self) -> Candidate | None:
        """Return the next candidate; None if there are no more."""

    def tell(self, trial: Trial) -> None:
        """Learn from the trial of the candidate that was asked for last. It is not called if that did not enter."""


class Listed:
    """Proposals from a fixed list of candidates."""

    def __init__(self, candidates: Iterable[Candidate]):
        self._candidates = iter(candidates)

    def ask(self) -> Candidate | None:
        """Return the next candidate."""
        return next(self._candidates, None)

    def tell(self, trial: Trial) -> None:
        """Do nothing."""


class Race:
    """A race of candidates, with its own part of the budget.

    All candidates answer the same rows, block by block. After each block, a candidate drops out if an anytime-valid
    paired test finds it worse than the leader. Over the whole race, the best candidate is dropped with a probability
    of at most `elimination.ALPHA`. The budget is divided equally among the blocks to come. If it cannot pay for all
    survivors, the best ones answer the next block, and the others keep their rows.
    """

    def __init__(self, study: Study, allowance: float):
        self.study = study
        self.trials: list[Trial] = []
        """All trials that entered, in their order."""
        self._allowance = allowance
        self._start = study.ledger.left

    @property
    def left(self) -> float:
        """What the race may still spend, in the budget's unit."""
        return self._allowance - (self._start - self.study.ledger.left)

    def run(self, proposals: Proposals, *, keep: int, incumbents: Sequence[Trial] = ()) -> list[Trial]:
        """Race until `keep` candidates are left, all rows are answered or the budget is spent.

        Return at most `keep` trials, the best first. A proposal is asked for after the candidate before it has
        answered its first block. Incumbents have answered their first block already.
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
        """Return the trials that the test does not find worse on the first `rows` rows, the best first."""
        merits = [trial.merits[:rows] for trial in running]
        left = [(fmean(merits[place]), place) for place in survivors(merits, entered=len(self.trials))]
        return [running[place] for _, place in sorted(left, key=lambda pair: -pair[0])]

    def _affordable(self, running: Sequence[Trial], following: int) -> int:
        """Return how many of the trials, the best first, can be paid for up to the `following`-th row."""
        looks = next(number for number in count(1) if following * GROWTH**number > len(self.study.val))
        costs = accumulate(trial.price / trial.rows * max(0, following - trial.rows) for trial in running)
        return sum(cost <= self.left / looks for cost in costs)


def first_block(study: Study) -> int:
    """Return how many rows every candidate answers first."""
    return min(FIRST_DECIDED if decides(study) else FIRST_BLOCK, len(study.val))


def decides(study: Study) -> bool:
    """Tell whether every predictor's outcome is decided by log-probabilities."""
    decided = map(decided_field, study.signatures.values())
    return study.tells_logprobs and study.carriage != "text" and None not in decided
