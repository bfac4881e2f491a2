"""Tell how rare the terms of a task's texts are."""

import math
from collections import Counter
from collections.abc import Collection, Set

_COMMON = 0.01


def idf_of(texts: Collection[Set[str]]) -> tuple[dict[str, float], float]:
    """Return the inverse document frequency of the common terms, and what all rarer ones count.

    >>> idf_of([{"the", "bridge"}, {"the"}, {"the", "ship"}])
    ({'the': 0.0}, 1.386)
    """
    seen = Counter(term for text in texts for term in text)
    total = len(texts)
    common = {term: count for term, count in sorted(seen.items()) if count > max(2, _COMMON * total)}
    rare = round(math.log(total + 1), 3)
    return {term: round(math.log((total + 1) / (count + 1)), 3) for term, count in common.items()}, rare
