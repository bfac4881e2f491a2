"""Building blocks of the tables in reports."""

from collections.abc import Mapping

from rich.table import Table

from cribsheet.frozen.score import Score
from cribsheet.text import shortened

LONGEST = 4000
"""The most characters of a fact that a table shows."""


def facts_table(facts: Mapping[str, str]) -> Table:
    """Return a table with a name and a fact in each row; a fact that is too long to read is cut."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        table.add_row(name, _readable(fact))
    return table


def scores_table() -> Table:
    """Return an empty table for scores with their intervals."""
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    return table


def add_score(table: Table, name: str, score: Score) -> None:
    """Add a row with a score, its interval and its n."""
    table.add_row(name, f"{score.score:.3f}", f"{score.low:.3f} to {score.high:.3f}", str(score.n))


def _readable(fact: str) -> str:
    """Return what a table shows of a fact. Wrapping a very long one takes minutes, and nobody reads it."""
    if len(fact) <= LONGEST:
        return fact
    return f"{shortened(fact, LONGEST)} ({len(fact):,} characters; --json shows all)"


def figured(figure: float | None) -> str:
    """Return a figure as text; `undefined` if it is None."""
    return "undefined" if figure is None else f"{figure:.3f}"
