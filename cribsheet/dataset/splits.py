"""Split rows into a demo pool, a valset, a testset."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cribsheet.dataset.examples import Row
from cribsheet.errors import DataError
from cribsheet.signature import Signature
from cribsheet.text import normal_form

FRACTIONS = (0.35, 0.35, 0.30)
"""The shares of the demo pool, the valset and the testset."""

MIN_ROWS = 12
"""Below this, no part says anything."""

MAX_VAL = 300
"""The race compares candidates on the valset: 300 rows tell 5 points apart, more cost more than they tell."""

MAX_TEST = 300
"""The winner and the baseline both pay for the testset; 300 rows give about 5 points either way."""


@dataclass(frozen=True)
class Splits:
    """Rows in three parts that share no group and no inputs, each in a seeded random order."""

    train: tuple[Row, ...]
    """The demo pool."""
    val: tuple[Row, ...]
    """What candidates are compared on."""
    test: tuple[Row, ...]
    """What only the frozen winner and the baseline see, once."""

    @property
    def hashes(self) -> dict[str, str]:
        """The sha256 of each part's row ids, sorted: equal where the same rows are in it."""
        return {part: _hash_ids(getattr(self, part)) for part in ("train", "val", "test")}


def split(
    rows: Sequence[Row],
    signature: Signature,
    *,
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    max_val: int = MAX_VAL,
    max_test: int = MAX_TEST,
) -> Splits:
    """Return the rows in three parts, the same for the same rows in whatever order.

    Rows that share a group or their inputs stay together; beyond that, each part gets its share of each
    outcome of the first output. A row that occurs several times counts once. What `max_val` and
    `max_test` cut off goes to the demo pool, but for rows whose group is in the other part already.

    Raises:
        DataError: when there are too few rows or groups for three parts.
    """
    ordered = sorted(rows, key=lambda row: (row.id, row.group))
    count = len({row.id for row in ordered})
    if count < MIN_ROWS:
        raise DataError(f"There are {count} different rows, and a split needs {MIN_ROWS}. Add some.")
    clusters = _clusters(ordered)
    if len(clusters) < 3:
        raise DataError(
            f"The {count} rows fall in {len(clusters)} groups, and a split needs 3, since the rows of a group "
            "stay together. Add rows of other groups, or give each row a finer `group`."
        )
    random.Random(seed).shuffle(clusters)
    val, test = min(fractions[1], max_val / count), min(fractions[2], max_test / count)
    parts = _assign(clusters, signature, shares=(1 - val - test, val, test))
    for part in parts:
        random.Random(seed).shuffle(part)
    return Splits(tuple(parts[0]), tuple(parts[1][:max_val]), tuple(parts[2][:max_test]))


def interleaved(rows: Sequence[Row], signature: Signature) -> tuple[Row, ...]:
    """Return the rows in an order of which each start has each outcome of the first output in its share.

    Within an outcome the order stays.
    """
    field = signature.outputs[0]
    outcomes = [field.outcome_of(row.outputs[field.name][0]) for row in rows]
    totals, seen = Counter(outcomes), Counter[str]()
    places = []
    for number, outcome in enumerate(outcomes):
        seen[outcome] += 1
        places.append(((seen[outcome] - 0.5) / totals[outcome], number))
    return tuple(rows[number] for _, number in sorted(places))


def _clusters(rows: Sequence[Row]) -> list[list[Row]]:
    """Join rows that share a group or their inputs, directly or through other rows."""
    parents = list(range(len(rows)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = index = parents[parents[index]]
        return index

    first: dict[object, int] = {}
    for index, row in enumerate(rows):
        for key in (("group", row.group or row.id), ("inputs", _fold(row))):
            parents[root(index)] = root(first.setdefault(key, index))
    clusters: dict[int, dict[str, Row]] = defaultdict(dict)
    for index, row in enumerate(rows):
        clusters[root(index)][row.id] = row
    return [list(cluster.values()) for cluster in clusters.values()]


def _fold(row: Row) -> tuple[str, ...]:
    """Return the inputs without case and spacing and in one normal form, so that trivial copies count as the same."""
    return tuple(" ".join(normal_form(str(row.inputs[name])).split()).casefold() for name in sorted(row.inputs))


def _assign(clusters: Sequence[list[Row]], signature: Signature, *, shares: Sequence[float]) -> list[list[Row]]:
    """Give each cluster, the largest first, to the part that it brings closest to its shares."""
    tallies = [_tally(cluster, signature) for cluster in clusters]
    totals = sum(tallies, Counter[str]())
    parts: list[list[Row]] = [[] for _ in shares]
    wanted = [{outcome: share * total for outcome, total in totals.items()} for share in shares]
    order = sorted(range(len(clusters)), key=lambda index: -len(clusters[index]))
    for left, index in zip(range(len(order), 0, -1), order, strict=True):
        tally = tallies[index]
        empty = [number for number, part in enumerate(parts) if not part]
        # The change of the squared distance to the wanted counts, each in units of its total.
        costs = {
            number: sum(more * (more - 2 * wanted[number][name]) / totals[name] for name, more in tally.items())
            for number in (empty if left == len(empty) else range(len(parts)))
        }
        best = min(costs, key=costs.__getitem__)
        parts[best] += clusters[index]
        for outcome, more in tally.items():
            wanted[best][outcome] -= more
    return parts


def _tally(cluster: Sequence[Row], signature: Signature) -> Counter[str]:
    """Count the outcomes of the first output, and all rows under the empty name."""
    field = signature.outputs[0]
    outcomes = Counter(field.outcome_of(row.outputs[field.name][0]) for row in cluster)
    return outcomes + Counter({"": len(cluster)})


def _hash_ids(part: Sequence[Row]) -> str:
    return hashlib.sha256("\n".join(sorted(row.id for row in part)).encode()).hexdigest()
