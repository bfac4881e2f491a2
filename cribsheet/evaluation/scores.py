"""Compute mean scores with confidence intervals."""

import math
import random
from collections.abc import Hashable, Sequence

from cribsheet.errors import MetricError
from cribsheet.frozen.score import Gain, Score

Z = 1.959964
"""The normal quantile of a two-sided 95 % interval."""

RESAMPLES = 2000
"""How many bootstrap resamples; enough for the 2.5 % and 97.5 % points (Efron & Tibshirani 1993, chapter 13)."""


def mean_score(
    values: Sequence[float],
    *,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Score:
    """Return the mean of the values, one per row, with its 95 % interval.

    The interval is a percentile bootstrap (Efron & Tibshirani 1993, "An Introduction to the Bootstrap"). It
    resamples whole groups, because rows that share a context are not independent; with fewer than about ten groups
    it is too narrow. Wilson's interval (1927, "Probable Inference") is used in two cases: if the values are
    independent and all 0 or 1, and if all values (or group means) are equal, because a bootstrap would then claim
    certainty even from a few rows. Then n is the number of groups; for values between 0 and 1, the interval is
    rather too wide than too narrow. If all values are equal but not between 0 and 1, the interval has no width.

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
    """Return how much better `compiled` is than `baseline`, on the same rows in the same order.

    The interval is that of `mean_score` over the differences. If all differences are equal, it extends to each
    side as far as Wilson's interval for a share of 0, so that a few equal rows prove little.

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


def unpaired_gain(before: Score, after: Score) -> Gain:
    """Return how much better `after` is than `before`, on different rows; `n` is the number of rows of `after`.

    The interval is that of the difference of two independent means, from the intervals of both (MOVER, Zou & Donner
    2008, "Construction of confidence limits about effect measures").

    >>> str(unpaired_gain(mean_score([1, 1, 0, 1]), mean_score([1, 1, 1, 1])))
    '+0.250 [-0.281, +0.699], n=4'
    """
    mean = after.score - before.score
    return Gain(
        mean=mean,
        low=mean - math.hypot(after.score - after.low, before.high - before.score),
        high=mean + math.hypot(after.high - after.score, before.score - before.low),
        n=after.n,
    )


def _totals(values: Sequence[float], groups: Sequence[Hashable] | None) -> list[tuple[float, int]]:
    """Return the sum and the number of rows of each group; a row with the group "" is a group of its own."""
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
    """Tell whether all groups have the same mean, so that a bootstrap would show no spread."""
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
