"""Tell whether a recorded score still holds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cribsheet.evaluation.evaluate import Evaluation
from cribsheet.evaluation.scores import mean_score, paired_gain, unpaired_gain
from cribsheet.frozen.score import Gain, Score


@dataclass(frozen=True)
class Drift:
    """A recorded score, compared with the score now."""

    before: Score
    now: Score
    change: Gain
    """The score now minus the score before; paired by row if the rows are the same."""
    is_paired: bool
    is_same: bool = False
    """Whether every row has the same score as before."""

    @property
    def holds(self) -> bool:
        """Whether the score is not significantly worse: the interval of the change is not wholly below 0."""
        return self.change.high >= 0


def drift_by_row(before: Sequence[float], groups: Sequence[str], now: Evaluation) -> Drift:
    """Compare a new evaluation with the recorded scores of the same rows; `groups` are the rows' groups."""
    change = paired_gain(before, now.scores, groups=groups)
    is_same = all(map(math.isclose, before, now.scores))
    return Drift(mean_score(before, groups=groups), now.score, change, is_paired=True, is_same=is_same)


def drift_on_other_rows(before: Score, now: Evaluation) -> Drift:
    """Compare an evaluation of other rows with a recorded score."""
    return Drift(before, now.score, unpaired_gain(before, now.score), is_paired=False)
