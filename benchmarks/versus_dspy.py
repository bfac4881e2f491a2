"""Compare Cribsheet's optimizers with DSPy's: same model, rows and metric.

    python benchmarks/versus_dspy.py [--only TASK …] [--methods NAME …] [--seeds 0 1 2] [--again NAME …] [--quick]

Every task, method and seed is one cell of benchmarks/results/versus_dspy.json, which is written as soon as it is
measured, together with the tables in versus_dspy.md. A rerun skips the existing cells and reuses earlier replies of
DSPy's model, so you can stop the benchmark at any time. `--again` measures the cells of a task or a method again.
`--quick` ends in about ten minutes and writes to other files. DSPy's MIPROv2, SIMBA and KNNFewShot need
`pip install "cribsheet[bench]"`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from cribsheet.budget import Budget
from cribsheet.compiler.compile import DEFAULT_MODEL
from cribsheet.models import Model, open_model
from versus import ours, theirs
from versus.cells import Cell, Key, Results, replace_text
from versus.engine import Engine, Remembered
from versus.table import markdown
from versus.tasks import TASKS, TEST_ROWS, Bench

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CUTOFF = 10
"""A DSPy optimizer is cut off after this many times the tokens of our race."""
QUICK = {
    "only": ["sst2"],
    "methods": [
        ours.BASELINE,
        ours.RACE,
        "dspy.Predict",
        "dspy.LabeledFewShot",
        "dspy.BootstrapFewShotWithRandomSearch",
    ],
    "seeds": [0],
    "limit": 30,
    "budget": "12k",
    "cutoff": 10_000.0,
}


def main() -> None:
    """Measure the missing cells in order, and write the tables."""
    options = _options()
    results = Results(options.results)
    with tempfile.TemporaryDirectory(prefix="cribsheet-versus-") as scratch:
        measuring = _Measuring(options, results, Path(scratch))
        for key in plan(options.only, options.methods, options.seeds):
            if key in results and not {key[0], key[1]} & set(options.again):
                continue
            print(
                f"{time.strftime('%H:%M:%S')} {key[0]}: {key[1]}, seed {key[2]} …", end=" ", flush=True, file=sys.stderr
            )
            cell = measuring.cell(*key)
            results.put(cell)
            _write_tables(results)
            print("–" if cell.score is None else f"{cell.score:.3f}", cell.note, file=sys.stderr)
    _write_tables(results)
    print(results.path.with_suffix(".md").read_text(encoding="utf-8"))


def plan(tasks: Sequence[str], methods: Sequence[str], seeds: Sequence[int]) -> Iterator[Key]:
    """Yield the most informative cells first: our first seed, then DSPy's methods, then our other seeds."""
    own = [name for name in methods if name not in theirs.METHODS]
    first, *others = seeds
    yield from ((task, method, first) for task in tasks for method in own)
    yield from ((task, method, first) for method in methods if method in theirs.METHODS for task in tasks)
    yield from ((task, method, seed) for seed in others for task in tasks for method in own)


class _Measuring:
    """Measures cells; opens each model when a cell first needs it."""

    def __init__(self, options: argparse.Namespace, results: Results, scratch: Path):
        self.options, self.results, self.scratch = options, results, scratch
        self._benches: dict[str, Bench] = {}

    @cached_property
    def model(self) -> Model:
        """The model for our optimizers."""
        return open_model(DEFAULT_MODEL)

    @cached_property
    def engine(self) -> Remembered:
        """The engine for DSPy's optimizers."""
        return Remembered(Engine(), self.options.results.with_suffix(".replies"))

    def cell(self, task: str, method: str, seed: int) -> Cell:
        """Measure one cell."""
        bench = self._bench(task)
        if method not in theirs.METHODS:
            budget = self.options.budget or bench.budget
            return ours.measure(bench, method, seed, model=self.model, budget=budget, limit=self.options.limit)
        log = self.options.results.with_suffix(".log")
        conditions = theirs.Conditions(self.engine, self._cutoff(bench, seed), self.options.limit, log)
        return theirs.measure(bench, method, seed, conditions)

    def _bench(self, task: str) -> Bench:
        if task not in self._benches:
            self._benches[task] = TASKS[task](self.options.data, self.scratch)
        return self._benches[task]

    def _cutoff(self, bench: Bench, seed: int) -> float:
        race = self.results.get(bench.name, ours.RACE, seed)
        measured = race.compiling.tokens if race else 0
        return self.options.cutoff or CUTOFF * (measured or Budget.parse(self.options.budget or bench.budget).limit)


def _write_tables(results: Results) -> None:
    text = markdown(results, list(TASKS), [*ours.methods(), *theirs.METHODS])
    replace_text(results.path.with_suffix(".md"), text)


def _options() -> argparse.Namespace:
    methods = [*ours.methods(), *theirs.METHODS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the tasks' rows")
    parser.add_argument("--only", nargs="+", choices=list(TASKS), default=list(TASKS), metavar="TASK")
    parser.add_argument("--methods", nargs="+", choices=methods, default=methods, metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--again", nargs="+", choices=[*TASKS, *methods], default=[], metavar="NAME")
    parser.add_argument("--budget", help="the budget of our optimizers, such as 60k; each task has its own default")
    parser.add_argument("--cutoff", type=float, help=f"tokens for DSPy's; {CUTOFF} times what our race took")
    parser.add_argument("--limit", type=int, default=TEST_ROWS, help="test rows at most")
    parser.add_argument("--results", type=Path, help="the JSON file; the tables and a log are written beside it")
    parser.add_argument("--quick", action="store_true", help="about ten minutes")
    options = parser.parse_args()
    if options.quick:
        parser.set_defaults(**QUICK)
        options = parser.parse_args()
    options.results = options.results or RESULTS / f"versus_dspy{'_quick' if options.quick else ''}.json"
    options.results.parent.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    main()
