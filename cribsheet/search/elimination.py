"""Tell which candidates are worse than the leader."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

ALPHA = 0.1
"""The chance, over a whole race, that chance alone drops a candidate as good as the leader."""


def is_worse(leader: Sequence[float], other: Sequence[float], *, level: float) -> bool:
    """Tell whether `other` scores below `leader` on the same rows, by a one-sided paired z-test.

    The spread is that of the differences and of one row more each way, so that a handful of rows that
    differ alike is no certainty. `level` is the test's own; divide it by the number of tests.

    >>> is_worse([1.0] * 20, [0.0] * 20, level=0.01)
    True
    >>> is_worse([1.0] * 3, [0.0, 1.0, 1.0], level=0.01)
    False
    """
    differences = [a - b for a, b in zip(leader, other, strict=True)]
    if len(differences) < 2:
        return False
    spread = stdev([*differences, 1.0, -1.0])
    z = fmean(differences) / (spread / math.sqrt(len(differences)))
    return NormalDist().cdf(-z) < level
