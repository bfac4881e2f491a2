"""Show cells as Markdown."""

from collections.abc import Iterable, Mapping, Sequence

from cribsheet.evaluation.scores import paired_gain
from cribsheet.frozen.score import Gain
from versus.cells import Cell
from versus.ours import RACE, SMALL

REFERENCES = (RACE, SMALL)
"""What the others are compared with, where it was measured."""
_HEAD = (
    "calls",
    "prompt tokens read",
    "tokens written",
    "from the prefix cache",
    "seconds",
    "note",
)
_HOW = """\
Calls, tokens and seconds are those of finding the program; the test rows come on top. Tokens read are those that the
engine had not in its prefix cache; for DSPy, those that one slot with an endless prefix cache would not have. All
methods have the same rows to learn from: Cribsheet's own split of them, of the first seed for DSPy's. Test rows are in
no search, and the same for all methods; slow ones have only the first where they say so, as KNNFewShot, which
bootstraps anew for every row that it answers. A row of several seeds shows the median, then each; the differences
pair the test rows of the median seed. `race@12k` may spend 12k tokens, a tenth of a cutoff at 120k.

DSPy's optimizers run at their defaults (GEPA, which has none, with auto="light"; KNNFewShot with k=3, hashed
character n-grams as vectors, and the metric as its bootstrap filter), the same model as teacher, proposer and
reflector, with up to 100 tokens an answer and 1000 a proposal in a window of 4096, greedy unless DSPy asks for a
temperature, its limit on errors lifted, on an engine with one slot. A request that was made before
costs nothing, as with DSPy's cache. An optimizer that passes the cutoff ends; its best program until then is scored.
An answer that DSPy cannot parse scores 0, the word "unanswerable" counts as an abstention.
"""


def markdown(cells: Iterable[Cell], tasks: Sequence[str], methods: Sequence[str]) -> str:
    """Return one table a task, then how they were made."""
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
    """Return the cell whose score is in the middle, the lower one of two; one that did not run where none did."""
    ran = sorted((cell for cell in cells if cell.score is not None), key=lambda cell: (cell.score or 0.0, cell.seed))
    return ran[(len(ran) - 1) // 2] if ran else cells[0]


def lead(reference: Sequence[Cell], cells: Sequence[Cell]) -> Gain | None:
    """Return how much better the reference is on the test rows that both have; None if there are none."""
    if not reference:
        return None
    one, other = median(cells), median(reference)
    if one.rows != other.rows:  # where each seed has test rows of its own
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
    """Return what is to be known of a cell where the table has up to `n` test rows."""
    counts = {"unreadable": cell.unreadable, "crashed": cell.crashed}
    faults = [f"{count} {name}" for name, count in counts.items() if count]
    part = [f"the first {cell.n} test rows"] if 0 < cell.n < n else []
    return "; ".join([*([cell.note] if cell.note else []), *part, *faults]).replace("|", "\\|")


def _where(groups: Iterable[list[Cell]]) -> list[str]:
    """Return a line for each machine and set of versions that cells were measured with."""
    found = [
        f"{cell.machine}; {', '.join(f'{name} {number}' for name, number in cell.versions.items())}."
        for cells in groups
        for cell in cells
    ]
    return [f"Measured on {one}" for one in dict.fromkeys(found)] + [""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
