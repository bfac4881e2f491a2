"""Show which labels are taken for which."""

from typing import Any

from rich.table import Table

from cribsheet.evaluation.confusion import Confusion

WIDEST = 8
"""The most outcomes that a matrix shows; of more, only the most frequent mistakes are told."""
_NAMED = 6


def confusion_summary(found: Confusion) -> dict[str, Any]:
    """Return the matrix as JSON: one row of counts per gold outcome, one column per predicted outcome."""
    return {"outcomes": list(found.outcomes), "counts": [list(row) for row in found.counts], "unread": [*found.unread]}


def confusion_table(found: Confusion) -> Table | None:
    """Return the matrix as a table, gold outcomes downwards; None if it has none, or too many to be read."""
    if not 0 < len(found.outcomes) <= WIDEST:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    table.add_column("right, answered as")
    for outcome in found.outcomes:
        table.add_column(outcome, justify="right", overflow="fold")
    if any(found.unread):
        table.add_column("no outcome", justify="right")
    for outcome, row, unread in zip(found.outcomes, found.counts, found.unread, strict=True):
        table.add_row(outcome, *map(str, row), *([str(unread)] if any(found.unread) else []))
    return table


def mistakes_in_words(found: Confusion) -> str:
    """Return the most frequent mistakes; `none` if there are none.

    >>> mistakes_in_words(Confusion(("bad", "good"), ((1, 2), (0, 3)), (0, 0)))
    'bad as good 2'
    """
    mistakes = found.most_frequent(_NAMED)
    return ", ".join(f"{gold} as {predicted} {count}" for gold, predicted, count in mistakes) or "none"
