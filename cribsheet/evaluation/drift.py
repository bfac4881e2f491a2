"""Tell whether a score still holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from cribsheet.evaluation.evaluate import Evaluation
from cribsheet.evaluation.scores import mean_score, paired_gain, unpaired_gain
from cribsheet.frozen.score import Gain, Score


@dataclass(frozen=True)
class Drift:
    """A score when it was measured, and now."""

    before: Score
    now: Score
    change: Gain
    """Now less before; paired by row if the rows are the same."""
    is_paired: bool

    @property
    def holds(self) -> bool:
        """Whether the score is not worse beyond the interval of the change."""
        return self.change.high >= 0


def drift(before: Sequence[float], groups: Sequence[str], now: Evaluation, *, is_paired: bool) -> Drift:
    """Return how a score changed, from each row's score before; `groups` are those of the rows before."""
    groups_now = [row.example.group for row in now.rows]
    if is_paired:
        change = paired_gain(before, now.scores, groups=groups)
    else:
        change = unpaired_gain(before, now.scores, groups_before=groups, groups_after=groups_now)
    return Drift(mean_score(before, groups=groups), now.score, change, is_paired)
