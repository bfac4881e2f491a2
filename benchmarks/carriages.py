"""Measure what a prompt scores as plain text, compiled for that and compiled for the runtime.

    python benchmarks/carriages.py [--only TASK …] [--seeds 0] [--data DIR] [--limit 300] [--cache DIR]

SST-2 is compiled with 40k tokens and AG News with 120k, and scored on test rows that no search saw. Text is what a
Modelfile carries: the prompt, greedy decoding and stops; the runtime adds the corrections. Every cell is written to
benchmarks/results/carriages.json as soon as it is measured, together with the table in carriages.md; a rerun skips the
existing cells.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cribsheet.carriage import Carriage
from cribsheet.compiler.compile import Compiled
from cribsheet.models import Model, open_model
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.settings import DEFAULT_MODEL, Settings
from cribsheet.workspace import new_workspace
from versus import ours
from versus.cells import Cell, Results, replace_text, surroundings
from versus.tasks import TASKS, TEST_ROWS, Bench

ROOT = Path(__file__).resolve().parents[1]
BUDGETS = {"sst2": "40k", "ag_news": "120k"}
WAYS: dict[Carriage, tuple[Carriage, ...]] = {"text": ("text",), "runtime": ("text", "runtime")}
"""By the carriage that is compiled for, the carriages that are scored. A prompt for text has no corrections to add."""


def main() -> None:
    """Measure the missing cells, then write the table."""
    options = _options()
    results = Results(options.results)
    with tempfile.TemporaryDirectory(prefix="cribsheet-carriages-") as scratch:
        cache = CompletionCache(options.cache or Path(scratch) / "completions")
        model = CachedModel(open_model(DEFAULT_MODEL), cache)
        for task, seed, target in (
            (task, seed, way) for seed in options.seeds for task in options.only for way in WAYS
        ):
            if all((task, _method(target, carriage), seed) in results for carriage in WAYS[target]):
                continue
            bench = TASKS[task](options.data, Path(scratch))
            for cell in measured(bench, target, seed, model=model, budget=BUDGETS[task], limit=options.limit):
                results.put(cell)
                score = "no score" if cell.score is None else f"{cell.score:.3f}"
                print(time.strftime("%H:%M:%S"), task, cell.method, f"seed {seed}:", score, file=sys.stderr, flush=True)
    replace_text(options.results.with_suffix(".md"), table(list(results)))
    print(table(list(results)))


def measured(bench: Bench, target: Carriage, seed: int, *, model: Model, budget: str, limit: int) -> Iterator[Cell]:
    """Compile for a carriage, and yield the scores of the frozen program under each carriage that is scored."""
    settings = Settings(trainset=bench.trainset, budget=budget, seed=seed, carriage=target)
    with tempfile.TemporaryDirectory(prefix="cribsheet-carriages-") as folder:
        compiled = ours.compiled_with(settings, bench, new_workspace(Path(folder) / "workspace"), model=model)
    for carriage in WAYS[target]:
        cell = Cell(task=bench.name, method=_method(target, carriage), seed=seed, allowed=budget, **surroundings())
        yield ours.scored(cell, _carried(compiled, carriage), bench, model=model, limit=limit)


def _carried(compiled: Compiled, carriage: Carriage) -> Compiled:
    program = compiled.program.carried_by(carriage)
    if program is None:
        raise SystemExit(f"{compiled.name} cannot be deployed as {carriage}.")
    return replace(compiled, program=program)


def _method(target: Carriage, carriage: Carriage) -> str:
    return f"compiled for {target}, scored as {carriage}"


def table(cells: Sequence[Cell]) -> str:
    """Return a table with one line for each way to compile and to score."""
    tasks = list(dict.fromkeys(cell.task for cell in cells))
    lines = [
        f"| | {' | '.join(f'{task}, {BUDGETS[task]} tokens' for task in tasks)} |",
        "| --- |" + " --- |" * len(tasks),
    ]
    for method in dict.fromkeys(cell.method for cell in cells):
        own = [[_told(cell) for cell in cells if (cell.task, cell.method) == (task, method)] for task in tasks]
        lines.append(f"| {method} | {' | '.join(map('; '.join, own))} |")
    return "\n".join([*lines, ""])


def _told(cell: Cell) -> str:
    if cell.score is None:
        return "no score"
    return f"{cell.score:.3f} [{cell.low:.3f}, {cell.high:.3f}], n={cell.n}, {cell.unreadable} unreadable"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the tasks' rows")
    parser.add_argument("--only", nargs="+", choices=list(BUDGETS), default=list(BUDGETS), metavar="TASK")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--limit", type=int, default=TEST_ROWS, help="the most test rows to score")
    parser.add_argument("--cache", type=Path, help="a folder that keeps completions between runs")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results" / "carriages.json")
    return parser.parse_args()


if __name__ == "__main__":
    main()
