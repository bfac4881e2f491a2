"""The measured results, one cell for each combination of task, method, seed."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from cribsheet.dataset.examples import Row
from cribsheet.evaluation.metrics import balanced_accuracy
from cribsheet.evaluation.scores import mean_score
from cribsheet.models.cores import usable_cores
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.signature import Field
from cribsheet.text import counted

Key = tuple[str, str, int]
"""Task, method, seed."""


class Cost(BaseModel):
    """The calls, tokens and seconds of a set of requests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int = 0
    """Requests that the engine answered."""
    prompt_tokens: int = 0
    """All tokens of their prompts."""
    evaluated_tokens: int = 0
    """How many prompt tokens the engine read, because its prefix cache did not hold them."""
    completion_tokens: int = 0
    """Tokens written."""
    seconds: float = 0.0
    """Wall-clock time."""

    @property
    def tokens(self) -> int:
        """Tokens that a cutoff counts: those evaluated, and those written."""
        return self.evaluated_tokens + self.completion_tokens

    @property
    def cached_share(self) -> float | None:
        """The share of prompt tokens that came from the prefix cache."""
        return 1 - self.evaluated_tokens / self.prompt_tokens if self.prompt_tokens else None


class Cell(BaseModel):
    """The result of one method on one task with one seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    method: str
    seed: int
    score: float | None = None
    """The mean score on the test rows; None if the method did not run."""
    low: float | None = None
    high: float | None = None
    n: int = 0
    scores: tuple[float, ...] = ()
    """The score of each test row, used to pair methods."""
    groups: tuple[int, ...] = ()
    """Which test rows share a context; empty if none do."""
    rows: str = ""
    """A hash of the task's test rows, of which the cell has the first `n`. Cells with equal hashes can be paired."""
    figures: dict[str, float] = {}
    """Further figures, by name."""
    unreadable: int = 0
    """Test rows whose completion could not be parsed; they score 0."""
    crashed: int = 0
    """Test rows on which the program raised another exception; they score 0."""
    allowed: str = ""
    """The limit for the search: our budget, or the cutoff in tokens."""
    compiling: Cost = Cost()
    """The cost of the search."""
    testing: Cost = Cost()
    """The cost of the test rows."""
    note: str = ""
    """Where the optimizer was cut off, why it did not run, or which prompt won."""
    machine: str = ""
    versions: dict[str, str] = {}

    @property
    def key(self) -> Key:
        """The key that identifies the cell."""
        return self.task, self.method, self.seed


class Judged(BaseModel):
    """The results on the test rows."""

    scores: tuple[float, ...]
    outcomes: tuple[tuple[str, str | None], ...]
    """The accepted and the predicted outcome of each row."""
    unreadable: int
    crashed: int


def filled(cell: Cell, judged: Judged, rows: Sequence[Row], field: Field) -> Cell:
    """Return the cell with the scores of the judged test rows, which are the first ones of the task."""
    answered = rows[: len(judged.scores)]
    score = mean_score(judged.scores, groups=[row.group for row in answered])
    ids = "\n".join(row.id for row in rows)
    return cell.model_copy(
        update={
            "score": score.score,
            "low": score.low,
            "high": score.high,
            "n": score.n,
            "scores": tuple(round(value, 4) for value in judged.scores),
            "groups": numbered([row.group for row in answered]),
            "rows": hashlib.sha256(ids.encode()).hexdigest()[:16],
            "figures": abstention(judged) if field.abstains else {},
            "unreadable": judged.unreadable,
            "crashed": judged.crashed,
        }
    )


def abstention(judged: Judged) -> dict[str, float]:
    """Return how well the method abstains, and its score on the rows that have an answer."""
    answerable = [
        score for score, (gold, _) in zip(judged.scores, judged.outcomes, strict=True) if gold != UNANSWERABLE
    ]
    return {
        "balanced abstention accuracy": balanced_accuracy([(gold, said or "") for gold, said in judged.outcomes]),
        "score where answerable": fmean(answerable) if answerable else 0.0,
    }


def numbered(groups: Sequence[str]) -> tuple[int, ...]:
    """Number the groups; return nothing if each row is a group of its own.

    >>> numbered(["a", "b", "a"]), numbered(["a", "b"])
    ((0, 1, 0), ())
    """
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return tuple(numbers[group] for group in groups) if len(numbers) < len(groups) else ()


def surroundings() -> dict[str, object]:
    """Return the fields `machine` and `versions` of a cell that is measured here."""
    found = {"python": platform.python_version()}
    for package in ("cribsheet", "dspy", "xllamacpp", "gepa", "optuna"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"machine": f"{counted(usable_cores(), 'core')}, {platform.machine()}", "versions": found}


class Results:
    """Cells in one JSON file, which is replaced in one step after each cell."""

    def __init__(self, path: Path):
        self.path = path
        self._cells = self._stored()

    def __contains__(self, key: Key) -> bool:
        return key in self._cells

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells.values())

    def get(self, task: str, method: str, seed: int) -> Cell | None:
        """Return a cell; None if it was not measured yet."""
        return self._cells.get((task, method, seed))

    def put(self, cell: Cell) -> None:
        """Store a cell, replacing the one with the same key. Cells written by other runs are kept."""
        self._cells = {**self._stored(), cell.key: cell}
        lines = [json.dumps(one.model_dump(mode="json"), ensure_ascii=False) for one in self._cells.values()]
        replace_text(self.path, "[\n" + ",\n".join(lines) + "\n]\n")

    def _stored(self) -> dict[Key, Cell]:
        stored = json.loads(self.path.read_text(encoding="utf-8")) if self.path.is_file() else []
        return {cell.key: cell for cell in map(Cell.model_validate, stored)}


def replace_text(path: Path, text: str) -> None:
    """Replace a file in one step, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
