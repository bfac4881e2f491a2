"""Render cells as Markdown tables."""

from collections.abc import Iterable, Mapping, Sequence

from cribsheet.evaluation.scores import paired_gain
from cribsheet.frozen.score import Gain
from versus.cells import Cell
from versus.ours import RACE, SMALL

REFERENCES = (RACE, SMALL)
"""The methods that the others are compared with, if they were measured."""
_HEAD = (
    "calls",
    "prompt tokens read",
    "tokens written",
    "from the prefix cache",
    "seconds",
    "note",
)
_HOW = """\
Calls, tokens and seconds are those of the search for the program, without those of the test rows. Tokens read are the
prompt tokens that the engine did not have in its prefix cache. For DSPy, they are those that one slot with an unlimited
prefix cache would not have had. All methods learn from the same rows: Cribsheet's own split, and for DSPy's methods
that of the first seed. No search sees the test rows, which are the same for all methods. Slow methods answer only the
first of them, if their line says so: KNNFewShot, for example, bootstraps again for every row that it answers. A line
with several seeds shows the median, then each seed. The differences pair the test rows of the median seed. `race@12k`
may spend 12k tokens, which is a tenth of a cutoff at 120k.

DSPy's optimizers run with their defaults. GEPA has no default budget and runs with auto="light". KNNFewShot runs with
k=3, hashed character n-grams as vectors, and the metric as its bootstrap filter. The same model is teacher, proposer
and reflector. It may write up to 100 tokens per answer and 1000 per proposal, in a 4096-token window, on an engine
with one slot. It decodes greedily unless DSPy asks for a temperature. DSPy's limit on errors is lifted. A request that
was made before costs nothing, as with DSPy's cache. An optimizer that passes the cutoff is stopped; its best program at
that point is scored. An answer that DSPy cannot parse scores 0. The word "unanswerable" counts as an abstention.
"""


def markdown(cells: Iterable[Cell], tasks: Sequence[str], methods: Sequence[str]) -> str:
    """Return one table for each task, then a text that explains how they were made."""
    grouped: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        grouped.setdefault((cell.task, cell.method), []).append(cell)
    parts = []
    for task in tasks:
        rows = [grouped[task, method] for method in methods if (task, method) in grouped]
        if rows:
            references = {name: grouped[task, name] for name in REFERENCES if (task, name) in grouped}
            parts.append(_table(task, rows, references))
    return "\n".join([*parts, _HOW, *_where(grouped.values())])


def median(cells: Sequence[Cell]) -> Cell:
    """Return the cell with the median score (the lower of two); if no cell ran, one that did not run."""
    ran = sorted((cell for cell in cells if cell.score is not None), key=lambda cell: (cell.score or 0.0, cell.seed))
    return ran[(len(ran) - 1) // 2] if ran else cells[0]


def lead(reference: Sequence[Cell], cells: Sequence[Cell]) -> Gain | None:
    """Return how much better the reference is on the test rows that both have; None if they share none."""
    if not reference:
        return None
    one, other = median(cells), median(reference)
    if one.rows != other.rows:  # happens if each seed has its own test rows
        pairs = [(own, its) for own in cells for its in reference if own.rows and own.rows == its.rows]
        if not pairs:
            return None
        one, other = pairs[0]
    if one.score is None or other.score is None:
        return None
    n = min(one.n, other.n)
    return paired_gain(one.scores[:n], other.scores[:n], groups=one.groups[:n] or None)


def _table(task: str, rows: Sequence[list[Cell]], references: Mapping[str, Sequence[Cell]]) -> str:
    figures = list(dict.fromkeys(name for cells in rows for cell in cells for name in cell.figures))
    better = [f"`{name}` is better by, 95 %" for name in references]
    head = ["method", "test score, 95 %", *better, *figures, *_HEAD]
    n = max(cell.n for cells in rows for cell in cells)
    lines = [f"### {task}, {n} test rows", "", _line(head), _line(["---"] * len(head))]
    lines += [_line(_row(cells, references, figures, n)) for cells in rows]
    return "\n".join([*lines, ""])


def _row(cells: Sequence[Cell], references: Mapping[str, Sequence[Cell]], figures: Sequence[str], n: int) -> list[str]:
    cell = median(cells)
    share = cell.compiling.cached_share
    return [
        f"`{cell.method}`",
        _score(cell, cells),
        *(_lead(reference, cells) if name != cell.method else "" for name, reference in references.items()),
        *(f"{cell.figures[name]:.3f}" if name in cell.figures else "" for name in figures),
        f"{cell.compiling.calls:,}",
        f"{cell.compiling.evaluated_tokens:,}",
        f"{cell.compiling.completion_tokens:,}",
        "" if share is None else f"{share:.0%}",
        f"{cell.compiling.seconds:,.0f}",
        _note(cell, n),
    ]


def _lead(reference: Sequence[Cell], cells: Sequence[Cell]) -> str:
    gain = lead(reference, cells)
    return f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]" if gain else ""


def _score(cell: Cell, cells: Sequence[Cell]) -> str:
    if cell.score is None:
        return "–"
    text = f"{cell.score:.3f} [{cell.low:.3f}, {cell.high:.3f}]"
    each = [one.score for one in sorted(cells, key=lambda one: one.seed) if one.score is not None]
    return f"{text}; {', '.join(f'{score:.3f}' for score in each)}" if len(each) > 1 else text


def _note(cell: Cell, n: int) -> str:
    """Return the remarks on a cell, in a table of up to `n` test rows."""
    counts = {"unreadable": cell.unreadable, "crashed": cell.crashed}
    faults = [f"{count} {name}" for name, count in counts.items() if count]
    part = [f"the first {cell.n} test rows"] if 0 < cell.n < n else []
    return "; ".join([*([cell.note] if cell.note else []), *part, *faults]).replace("|", "\\|")


def _where(groups: Iterable[list[Cell]]) -> list[str]:
    """Return one line for each machine and set of versions that was used."""
    found = [
        f"{cell.machine}; {', '.join(f'{name} {number}' for name, number in cell.versions.items())}."
        for cells in groups
        for cell in cells
    ]
    return [f"Measured on {one}" for one in dict.fromkeys(found)] + [""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
