"""Tell which candidates are worse than the leader."""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

ALPHA = 0.1
"""The chance, over a whole race, that chance alone drops the best candidate."""

_BETS = (0.2, 0.4, 0.6, 0.8, 0.95)
"""The parts of the wealth that are staked: 0.2 suits gaps of 0.1 among many differences, 0.95 a clear loser."""


def evidence(leader: Sequence[float], other: Sequence[float]) -> float:
    """Return how strongly the rows speak for `other` being worse than `leader`, as a log wealth.

    Both answered the same rows in the same order. A gambler stakes a fixed part of his wealth, row by
    row, on the leader's doing better: a difference d multiplies the wealth by 1 + bet * d. If the other
    one's mean is as good, wealth is not expected to grow, whatever the stake and however often one
    looks, so it ever reaches 1 / level with a probability of at most `level` (Ville's inequality). What
    counts is the mean over several stakes (Robbins' method of mixtures). No distribution is assumed but
    that rows come in random order and differences lie in [-1, 1]; others are clipped to that.

    Follows Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting".

    >>> evidence([1.0, 0.0], [1.0, 0.0])
    0.0
    >>> evidence([1.0] * 8, [0.0] * 8) > 4 > 0 > evidence([0.0] * 8, [1.0] * 8)
    True
    """
    clipped = (min(1.0, max(-1.0, a - b)) for a, b in zip(leader, other, strict=True))
    counts = Counter(clipped).items()
    wealths = [sum(times * math.log1p(bet * difference) for difference, times in counts) for bet in _BETS]
    most = max(wealths)
    return most + math.log(fmean(math.exp(wealth - most) for wealth in wealths))


def is_worse(leader: Sequence[float], other: Sequence[float], *, level: float) -> bool:
    """Tell whether `other` scores below `leader`, by an anytime-valid one-sided paired test.

    If it is as good, the test ever says so with a probability of at most `level`, over all looks
    together; `level` is to be divided by the number of other candidates alone.

    >>> is_worse([1.0] * 16, [0.0] * 16, level=0.01)
    True
    >>> is_worse([1.0] * 3, [0.0, 1.0, 1.0], level=0.01)
    False
    """
    return evidence(leader, other) >= -math.log(level)


def survivors(merits: Sequence[Sequence[float]], *, entered: int, alpha: float = ALPHA) -> list[int]:
    """Return which candidates, by their index, are not found worse than the one with the highest mean.

    The best candidate would be dropped by one of the others. Each of those tests errs with a probability
    of at most alpha / (entered - 1) over all looks, so all of them together, whoever leads when, err with
    at most `alpha` (the union bound). That counts all candidates that enter the race, hence `entered`,
    those that dropped out and those that are still to come among them.

    Args:
        merits: what each candidate that is still in the race got, on the same rows in the same order.
        entered: how many candidates enter the race in all; more than that is safe.
        alpha: the chance that the best one is dropped.

    >>> survivors([[1.0, 1.0] * 20, [1.0, 0.9] * 20, [0.0, 0.2] * 20], entered=3)
    [0, 1]
    """
    if not merits or not merits[0]:
        return list(range(len(merits)))
    leader = max(merits, key=fmean)
    level = alpha / max(1, entered - 1)
    return [place for place, other in enumerate(merits) if other is leader or not is_worse(leader, other, level=level)]
