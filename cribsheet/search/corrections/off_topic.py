"""Find the coverage below which rows are off topic."""

from collections.abc import Sequence
from itertools import accumulate, islice

_PER_ANSWERABLE = 4
"""How many off-topic rows have to be found for each answerable row that is lost."""


def least_coverage(rows: Sequence[tuple[float, bool]]) -> float:
    """Return the coverage below which hardly any row is answerable; 0 if there is no such value.

    `rows` has the coverage of each row, and whether it is answerable.

    >>> least_coverage([(0.0, False)] * 8 + [(0.2, False)] * 8 + [(0.1, True), (0.4, True), (0.5, False)])
    0.3
    >>> least_coverage([(0.0, False), (0.0, True), (0.5, True)])
    0.0
    """
    ranked = sorted(rows)
    gains = accumulate((-_PER_ANSWERABLE if answerable else 1 for _, answerable in ranked), initial=0)
    above = [coverage for coverage, _ in ranked[1:]]
    cuts = [
        (gain, (low + high) / 2)
        for gain, (low, _), high in zip(islice(gains, 1, None), ranked, above, strict=False)
        if low < high
    ]
    gain, cut = max(cuts, default=(0, 0.0))
    return round(cut, 4) if gain > 0 else 0.0
