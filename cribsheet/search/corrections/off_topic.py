"""Tell by its coverage alone what is off the topic."""

from collections.abc import Sequence
from itertools import accumulate, islice

_PER_ANSWERABLE = 4
"""Off-topic rows that make up for an answerable one that is not asked: an answer could tell no more than that."""


def least_coverage(rows: Sequence[tuple[float, bool]]) -> float:
    """Return the coverage under which hardly any row is answerable; 0 if there is none.

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
