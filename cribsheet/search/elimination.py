"""Tell which candidates are worse than the leader."""

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

ALPHA = 0.1
"""The most probability, over a whole race, that chance alone drops the best candidate."""

_BETS = (0.2, 0.4, 0.6, 0.8, 0.95)
"""The parts of the capital that are staked. 0.2 suits gaps of 0.1 among noisy differences, 0.95 suits a clear loser."""


def evidence(leader: Sequence[float], other: Sequence[float]) -> float:
    """Return how strong the evidence is that `other` is worse than `leader`, as the logarithm of a capital.

    Both have scores of the same rows in the same order. On each row, a bettor stakes a fixed part of a capital on the
    leader being better: a difference d multiplies the capital by 1 + bet * d. If the other is as good on average, the
    capital is not expected to grow, whatever the stake and however often one looks. So it reaches 1 / level with a
    probability of at most `level` (Ville's inequality). The mean over several stakes is used (Robbins' method of
    mixtures). The only assumption is that rows come in random order. Differences are clipped to [-1, 1].

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

    If `other` is as good, the test says so with a probability of at most `level`, over all looks together.

    >>> is_worse([1.0] * 16, [0.0] * 16, level=0.01)
    True
    >>> is_worse([1.0] * 3, [0.0, 1.0, 1.0], level=0.01)
    False
    """
    return evidence(leader, other) >= -math.log(level)


def survivors(merits: Sequence[Sequence[float]], *, entered: int) -> list[int]:
    """Return the indices of the candidates that are not found worse than the one with the highest mean.

    The best candidate can only be dropped by a test against one of the others. Each of these tests errs with a
    probability of at most `ALPHA` / (entered - 1) over all looks, so together they err with at most `ALPHA` (the union
    bound). For this, `entered` has to count all candidates of the race, also those that dropped out or are to come.

    Args:
        merits: for each candidate that is still in the race, its merits on the same rows in the same order.
        entered: how many candidates enter the race in all; a higher number is safe.

    >>> survivors([[1.0, 1.0] * 20, [1.0, 0.9] * 20, [0.0, 0.2] * 20], entered=3)
    [0, 1]
    """
    if not merits or not merits[0]:
        return list(range(len(merits)))
    leader = max(merits, key=fmean)
    level = ALPHA / max(1, entered - 1)
    return [place for place, other in enumerate(merits) if other is leader or not is_worse(leader, other, level=level)]
