"""Take some of many rows."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Taken:
    """Which rows of a file to take: the first `limit`, and of these a random sample."""

    limit: int | None = None
    """The most rows from the beginning; None for all. Later rows are not read."""
    sample: int | None = None
    """How many of these to draw; None for all."""
    seed: int = 0
    """The seed of the drawing."""

    def of(self, items: Iterable[Item]) -> list[Item]:
        """Return the items that are taken, in their order; all of them if there are fewer.

        >>> Taken(limit=4, sample=2, seed=1).of("abcdef")
        ['b', 'c']
        """
        read = list(islice(items, self.limit))
        if self.sample is None or self.sample >= len(read):
            return read
        return [read[at] for at in sorted(random.Random(self.seed).sample(range(len(read)), self.sample))]


ALL = Taken()
"""Takes all rows."""
