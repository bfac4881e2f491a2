"""Split rows into a demo pool, a valset, a testset."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from cribsheet.dataset.examples import Row, folded_inputs
from cribsheet.errors import DataError
from cribsheet.signature import Field, Signature
from cribsheet.text import counted

FRACTIONS = (0.35, 0.35, 0.30)
"""The shares of the demo pool, the valset and the testset."""

MIN_ROWS = 12
"""With fewer rows, the parts are too small for their scores to mean anything."""

MAX_VAL = 300
"""The largest valset. 300 rows can tell apart candidates that differ by 5 points; more rows cost more than they
help."""

MAX_TEST = 300
"""The largest testset. 300 rows give an interval of about plus or minus 5 points; the winner and the baseline are both
run on all of them."""


@dataclass(frozen=True)
class Splits:
    """Rows in three parts. No two parts share a group or an input; each part is in a seeded random order."""

    train: tuple[Row, ...]
    """The demo pool."""
    val: tuple[Row, ...]
    """The valset, on which candidates are compared."""
    test: tuple[Row, ...]
    """The testset, which only the frozen winner and the baseline see, once."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of all parts."""
        return (*self.train, *self.val, *self.test)

    @property
    def hashes(self) -> dict[str, str]:
        """The sha256 of each part's sorted row ids: two parts have the same hash if they hold the same rows."""
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
    """Split the rows into three parts; the order in which the rows are given does not matter.

    Rows that share a group or their inputs stay together. Apart from that, the split is stratified by the outcome of
    the first output that has several. A row that occurs several times counts once. Rows beyond `max_val` and
    `max_test` go to the demo pool, except rows whose group is already in the valset or testset: these are left out.

    Raises:
        DataError: if there are too few rows or groups for three parts.
    """
    ordered = sorted(rows, key=lambda row: (row.id, row.group))
    count = len({row.id for row in ordered})
    if count < MIN_ROWS:
        there = f"There {'is' if count == 1 else 'are'} only {counted(count, 'different row')}"
        raise DataError(f"{there}, and a split needs at least {MIN_ROWS}. Add some.")
    clusters = _clusters(ordered)
    if len(clusters) < 3:
        raise DataError(
            f"The {count} rows fall into {counted(len(clusters), 'group')}, and a split needs at least 3, because the "
            "rows of a group stay together. Add rows of other groups, or give the rows smaller groups in the column "
            "`group`."
        )
    random.Random(seed).shuffle(clusters)
    val, test = min(fractions[1], max_val / count), min(fractions[2], max_test / count)
    parts = _assign(clusters, signature, shares=(1 - val - test, val, test))
    for part in parts:
        random.Random(seed).shuffle(part)
    return Splits(tuple(parts[0]), tuple(parts[1][:max_val]), tuple(parts[2][:max_test]))


def interleaved(rows: Sequence[Row], signature: Signature) -> tuple[Row, ...]:
    """Reorder the rows so that the first n rows, for any n, have about the outcome shares of all rows.

    Outcomes are those of the first output that has several. Rows of the same outcome keep their order.
    """
    field = _telling_output(rows, signature)
    outcomes = [field.outcome_of(row.outputs[field.name][0]) for row in rows]
    totals, seen = Counter(outcomes), Counter[str]()
    places = []
    for number, outcome in enumerate(outcomes):
        seen[outcome] += 1
        places.append(((seen[outcome] - 0.5) / totals[outcome], number))
    return tuple(rows[number] for _, number in sorted(places))


def _clusters(rows: Sequence[Row]) -> list[list[Row]]:
    """Cluster the rows: two rows are together if they share a group or their inputs, directly or through others."""
    parents = list(range(len(rows)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = index = parents[parents[index]]
        return index

    first: dict[object, int] = {}
    for index, row in enumerate(rows):
        for key in (("group", row.group or row.id), ("inputs", folded_inputs(row.inputs))):
            parents[root(index)] = root(first.setdefault(key, index))
    clusters: dict[int, dict[str, Row]] = defaultdict(dict)
    for index, row in enumerate(rows):
        clusters[root(index)][row.id] = row
    return [list(cluster.values()) for cluster in clusters.values()]


def _assign(clusters: Sequence[list[Row]], signature: Signature, *, shares: Sequence[float]) -> list[list[Row]]:
    """Assign each cluster, the largest first, to the part whose outcome counts it brings closest to the wanted ones."""
    field = _telling_output([row for cluster in clusters for row in cluster], signature)
    tallies = [_tally(cluster, field) for cluster in clusters]
    totals = sum(tallies, Counter[str]())
    parts: list[list[Row]] = [[] for _ in shares]
    wanted = [{outcome: share * total for outcome, total in totals.items()} for share in shares]
    order = sorted(range(len(clusters)), key=lambda index: -len(clusters[index]))
    for left, index in zip(range(len(order), 0, -1), order, strict=True):
        tally = tallies[index]
        empty = [number for number, part in enumerate(parts) if not part]
        # How much the squared distance to the wanted counts would change; each count is divided by its total.
        costs = {
            number: sum(more * (more - 2 * wanted[number][name]) / totals[name] for name, more in tally.items())
            for number in (empty if left == len(empty) else range(len(parts)))
        }
        best = min(costs, key=costs.__getitem__)
        parts[best] += clusters[index]
        for outcome, more in tally.items():
            wanted[best][outcome] -= more
    return parts


def _telling_output(rows: Sequence[Row], signature: Signature) -> Field:
    """Return the first output that has several outcomes; a list or a text may have only one, `answered`."""
    for field in signature.outputs:
        if len({field.outcome_of(row.outputs[field.name][0]) for row in rows}) > 1:
            return field
    return signature.outputs[0]


def _tally(cluster: Sequence[Row], field: Field) -> Counter[str]:
    """Count the rows of each outcome of an output, and all rows under the empty name."""
    outcomes = Counter(field.outcome_of(row.outputs[field.name][0]) for row in cluster)
    return outcomes + Counter({"": len(cluster)})


def _hash_ids(part: Sequence[Row]) -> str:
    return hashlib.sha256("\n".join(sorted(row.id for row in part)).encode()).hexdigest()
