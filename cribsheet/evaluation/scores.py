"""Give scores an honest interval."""

import math
import random
from collections.abc import Hashable, Sequence

from cribsheet.errors import MetricError
from cribsheet.frozen.score import Gain, Score

Z = 1.959964
"""The normal quantile of a two-sided 95 % interval."""

RESAMPLES = 2000
"""Enough for the 2.5 % and 97.5 % points of a bootstrap (Efron & Tibshirani 1993, chapter 13)."""


def mean_score(
    values: Sequence[float],
    *,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Score:
    """Return the mean of one value a row.

    The interval is a percentile bootstrap (Efron & Tibshirani 1993, "An Introduction to the Bootstrap") that
    draws whole groups, since rows that share a context are not independent; from fewer than about ten groups
    it comes out too narrow. Two cases have no bootstrap: independent values of 0 or 1, and values that are
    all alike, where it would claim certainty from a handful of rows. Their interval is Wilson's (1927,
    "Probable Inference"), over groups if there are some; for values between 0 and 1 it is, if anything,
    too wide. Values that are all alike on another scale get no width.

    >>> str(mean_score([1.0, 1.0, 0.0, 1.0]))
    '0.750 [0.301, 0.954], n=4'
    """
    totals = _totals(values, groups)
    mean = math.fsum(values) / len(values)
    in_unit = all(0 <= value <= 1 for value in values)
    independent = len(totals) == len(values)
    if in_unit and (_alike(totals) or (independent and set(values) <= {0, 1})):
        low, high = _wilson(mean, len(totals))
    else:
        low, high = _bootstrap(totals, seed=seed, resamples=resamples)
    return Score(score=mean, low=low, high=high, n=len(values))


def paired_gain(
    baseline: Sequence[float],
    compiled: Sequence[float],
    *,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Gain:
    """Return how much better the second is than the first, on the same rows in the same order.

    The interval is that of `mean_score` over the differences. Where all differences are alike, it reaches
    as far to each side as Wilson's does when nothing was seen, so that six equal rows prove little.

    >>> str(paired_gain([0, 0, 1, 0, 1, 0], [1, 1, 1, 0, 1, 1], seed=0))
    '+0.500 [+0.167, +0.833], n=6'
    """
    differences = [after - before for before, after in zip(baseline, compiled, strict=True)]
    totals = _totals(differences, groups)
    mean = math.fsum(differences) / len(differences)
    if _alike(totals) and -1 <= mean <= 1:
        reach = _wilson(0.0, len(totals))[1]
        low, high = max(mean - reach, -1.0), min(mean + reach, 1.0)
    else:
        low, high = _bootstrap(totals, seed=seed, resamples=resamples)
    return Gain(mean=mean, low=low, high=high, n=len(differences))


def unpaired_gain(
    before: Sequence[float],
    after: Sequence[float],
    *,
    groups_before: Sequence[Hashable] | None = None,
    groups_after: Sequence[Hashable] | None = None,
) -> Gain:
    """Return how much better the second is than the first, on different rows; `n` is how many the second has.

    The interval is that of the difference of two independent means, from the intervals of `mean_score` (MOVER,
    Zou & Donner 2008, "Construction of confidence limits about effect measures").

    >>> str(unpaired_gain([1, 1, 0, 1], [1, 1, 1, 1]))
    '+0.250 [-0.281, +0.699], n=4'
    """
    first, second = mean_score(before, groups=groups_before), mean_score(after, groups=groups_after)
    mean = second.score - first.score
    return Gain(
        mean=mean,
        low=mean - math.hypot(second.score - second.low, first.high - first.score),
        high=mean + math.hypot(second.high - second.score, first.score - first.low),
        n=second.n,
    )


def _totals(values: Sequence[float], groups: Sequence[Hashable] | None) -> list[tuple[float, int]]:
    """Return the sum and the number of rows of each group; a row of the group "" is one by itself."""
    if not values:
        raise MetricError("There are no rows to average. Score at least one.")
    totals: dict[Hashable, tuple[float, int]] = {}
    named = [""] * len(values) if groups is None else groups
    for index, (group, value) in enumerate(zip(named, values, strict=True)):
        key = (index,) if group == "" else group
        total, count = totals.get(key, (0.0, 0))
        totals[key] = (total + value, count + 1)
    return list(totals.values())


def _alike(totals: Sequence[tuple[float, int]]) -> bool:
    """Tell whether all groups have the same mean, so that resampling them shows no spread."""
    means = [total / count for total, count in totals]
    return math.isclose(min(means), max(means), abs_tol=1e-12)


def _wilson(share: float, n: int) -> tuple[float, float]:
    centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    reach = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return min(share, max(0.0, centre - reach)), max(share, min(1.0, centre + reach))


def _bootstrap(totals: Sequence[tuple[float, int]], *, seed: int, resamples: int) -> tuple[float, float]:
    rng = random.Random(seed)
    means = sorted(_resampled_mean(totals, rng) for _ in range(resamples))
    return means[int(0.025 * resamples)], means[math.ceil(0.975 * resamples) - 1]


def _resampled_mean(totals: Sequence[tuple[float, int]], rng: random.Random) -> float:
    drawn = rng.choices(totals, k=len(totals))
    return sum(total for total, _ in drawn) / sum(count for _, count in drawn)
