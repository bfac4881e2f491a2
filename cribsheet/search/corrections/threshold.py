"""Choose how sure a guard must be, by what answering and abstaining score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import fmean

_TIE = 0.5  # of a row's score: two thresholds that differ by less are as good
_EDGE = 0.1
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Stakes:
    """The scores of a row, depending on what a guard decides."""

    answerable: bool
    """Whether the row has an answer."""
    if_answered: float
    """The score of the model's answer."""
    if_abstained: float
    """The score of `Unanswerable`."""
    if_unguarded: float
    """The score without a guard: the model may have answered or abstained."""


def best_threshold(rated: Sequence[tuple[float, Stakes]]) -> float | None:
    """Return the threshold with the highest total score; None if the model's own decisions score higher.

    `rated` has the probability that an answer belongs there, and the stakes, of each row. The threshold is 0 if it is
    best to keep all answers. If several thresholds are as good, the one is returned that is closest to the probability
    at which an answer and an abstention have the same expected score.
    """
    ranked = sorted(rated, key=lambda pair: pair[0])
    # Cut number i withholds the i least probable answers; it must fall between two probabilities.
    gaps = list(pairwise([0.0, *(probability for probability, _ in ranked), 1.0]))
    gains = accumulate((stakes.if_abstained - stakes.if_answered for _, stakes in ranked), initial=0.0)
    stand = math.fsum(stakes.if_answered for _, stakes in ranked)
    usable = [(stand + gain, gap) for gain, gap in zip(gains, gaps, strict=True) if gap[0] < gap[1]]
    own = math.fsum(stakes.if_unguarded for _, stakes in ranked)
    best = max(stand, *(total for total, _ in usable)) - _ROUNDING
    if stand >= best:
        return 0.0 if stand >= own - _ROUNDING else None
    if best <= own:
        return None
    least = min(best, max(best - _TIE, stand, own))
    even = _even([stakes for _, stakes in ranked])
    cuts = [_inside(gap, even) for total, gap in usable if total >= least]
    # Rounded down, so that a case that stands on the cut still stands.
    return math.floor(min(cuts, key=lambda cut: abs(cut - even)) * 1e6) / 1e6


def _inside(gap: tuple[float, float], wanted: float) -> float:
    """Return the value closest to the wanted probability that is a little inside a gap between two probabilities."""
    low, high = gap
    edge = _EDGE * (high - low)
    return min(max(wanted, low + edge), high - edge)


def _even(rows: Sequence[Stakes]) -> float:
    """Return the probability that there is an answer at which both decisions have the same expected score."""
    there = fmean(stakes.if_answered - stakes.if_abstained for stakes in rows if stakes.answerable)
    absent = fmean(stakes.if_abstained - stakes.if_answered for stakes in rows if not stakes.answerable)
    return absent / (there + absent) if there > 0 and absent > 0 else 0.5
