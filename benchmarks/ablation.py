"""Measure what each part of the search is worth, by turning it off.

    python benchmarks/ablation.py [--only TASK …] [--parts NAME …] [--seeds 0 1] [--budget 12k]

Compiles SST-2, AG News and SQuAD 2 (half of its questions off topic) with all parts, then with one part off at a time.
Each program is scored on the same test rows, which no search saw. Every task, part and seed is one cell of
benchmarks/results/ablation-BUDGET.json, which is written as soon as it is measured. A rerun skips the existing cells.
All compiles share one completion cache, so a part that changes little costs little time.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cribsheet.compiler import compile as compiler
from cribsheet.evaluation.scores import paired_gain
from cribsheet.models import open_model
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.search import screening
from cribsheet.search.corrections import calibration, fitting
from cribsheet.search.corrections import pointer as pointing
from cribsheet.search.corrections import readout as reading
from cribsheet.search.study import Study
from cribsheet.search.wording import instructed
from cribsheet.search.wording.choices import WordChoices
from cribsheet.settings import DEFAULT_MODEL
from versus import ours
from versus.cells import Cell, Key, Results, replace_text
from versus.tasks import TASKS

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
BUDGET = "12k"
TEST_ROWS = 300
ABLATED = ("sst2", "ag_news", "squad2")
ALL = "all parts"
USES = "uses of what is off"
"""The name of a cell's figure that counts how often the search reached the part that is off. If it never did, the cell
says nothing about the part."""

Change = tuple[Any, str, Callable[..., Any]]
"""An object, the name of one of its methods, and the replacement of the method while a part is off."""


def _no(*_: object, **__: object) -> bool:
    return False


def _nothing(*_: object, **__: object) -> None:
    return None


def _none_of(*_: object, **__: object) -> list[Any]:
    return []


def _first_layout(screening: Any, allowance: float) -> list[Any]:
    study = screening.study
    return [study.candidate(study.layouts[0], screening._demos(), origin=f"layout {study.layouts[0].name}")]


def _on_the_same_rows(results: Sequence[Any]) -> list[Any]:
    return [(list(results), list(results))]


PARTS: dict[str, tuple[Change, ...]] = {
    "screening": ((screening.Screening, "run", _first_layout),),
    "names for the fields": ((WordChoices, "names", _none_of),),
    "words for the outcomes": ((WordChoices, "labels", _none_of),),
    "instructions": ((instructed, "instructed", _none_of),),
    "calibration": ((calibration.CalibrationFitter, "suits", _no),),
    "cross-fitting": ((fitting, "folds", _on_the_same_rows),),
    "readout": ((reading.ReadoutFitter, "suits", _no),),
    "guard": ((compiler, "guard_fitter", _nothing),),
    "extraction": ((Study, "_source", _nothing),),
    "pointer": ((pointing.PointerFitter, "suits", _no),),
    "bootstrapping": (),
}
"""Maps each part to the changes that turn it off."""

UNUSED = {
    "sst2": ("guard", "extraction", "pointer", "bootstrapping"),
    "ag_news": ("guard", "extraction", "pointer", "bootstrapping"),
    "squad2": ("words for the outcomes", "calibration", "readout", "bootstrapping"),
}
"""Maps each task to the parts that it does not use. `race` uses bootstrapping only for a teacher's rationales."""


def main() -> None:
    """Measure the missing cells, then write the table."""
    options = _options()
    results, commit = Results(options.results or RESULTS / f"ablation-{options.budget}.json"), _commit()
    cells = [key for key in plan(options.only, options.parts, options.seeds) if key not in results]
    with tempfile.TemporaryDirectory(prefix="cribsheet-ablation-") as scratch:
        cache = CompletionCache(options.cache or Path(scratch) / "completions")
        model = CachedModel(open_model(DEFAULT_MODEL), cache)
        for number, (task, part, seed) in enumerate(cells, 1):
            started = time.monotonic()
            bench = TASKS[task](options.data, Path(scratch))
            with switched_off(PARTS.get(part, ())) as uses:
                cell = ours.measure(bench, "race", seed, model=model, budget=options.budget, limit=options.limit)
            figures = {**cell.figures, USES: float(sum(uses.values()))}
            versions = {**cell.versions, "commit": commit}
            results.put(cell.model_copy(update={"method": part, "figures": figures, "versions": versions}))
            took = time.monotonic() - started
            score = "no score" if cell.score is None else f"{cell.score:.3f}"
            told = f"{number}/{len(cells)} {task}, {part}, seed {seed}: {score} {cell.note}, {took:.0f} s"
            print(time.strftime("%H:%M:%S"), told, file=sys.stderr, flush=True)
            replace_text(results.path.with_suffix(".md"), table(list(results)))
    print(table(list(results)))


def plan(tasks: Sequence[str], parts: Sequence[str], seeds: Sequence[int]) -> Iterator[Key]:
    """Yield the cells seed by seed, first those with all parts."""
    for seed in seeds:
        yield from ((task, ALL, seed) for task in tasks)
        yield from ((task, part, seed) for part in parts for task in tasks if part not in UNUSED[task])


@contextmanager
def switched_off(changes: Sequence[Change]) -> Iterator[Counter[str]]:
    """Replace methods inside a `with` block, and count how often each replacement is called."""
    uses = Counter[str]()
    with ExitStack() as stack:
        for owner, name, other in changes:
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, _counted(other, name, uses))
        yield uses


def _counted(other: Callable[..., Any], name: str, uses: Counter[str]) -> Callable[..., Any]:
    def counted(*args: Any, **named: Any) -> Any:
        uses[name] += 1
        return other(*args, **named)

    return counted


def _commit() -> str:
    git = ("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()


def table(cells: Sequence[Cell]) -> str:
    """Return a table of what each part is worth: the score with all parts minus the score without the part."""
    tasks = [task for task in ABLATED if any(cell.task == task for cell in cells)]
    lines = ["| part | " + " | ".join(tasks) + " |", "| --- |" + " --- |" * len(tasks)]
    scored = {cell.key: cell for cell in cells}
    lines.append(_line(ALL, [_scores(scored, task) for task in tasks]))
    lines += [_line(part, [_worth(scored, task, part) for task in tasks]) for part in PARTS]
    return "\n".join([*lines, ""])


def _line(first: str, others: Sequence[str]) -> str:
    return f"| {first} | {' | '.join(others)} |"


def _scores(scored: dict[Key, Cell], task: str) -> str:
    own = [cell.score for key, cell in sorted(scored.items()) if key[:2] == (task, ALL)]
    return ", ".join("no score" if score is None else f"{score:.3f}" for score in own)


def _worth(scored: dict[Key, Cell], task: str, part: str) -> str:
    if part in UNUSED[task]:
        return "not used"
    pairs = [(scored[task, ALL, key[2]], cell) for key, cell in scored.items() if key[:2] == (task, part)]
    if not pairs:
        return ""
    if not any(cell.figures[USES] for _, cell in pairs):
        return "not reached"
    if all(whole.scores == cell.scores for whole, cell in pairs):
        return "no difference"
    without = [score for _, cell in pairs for score in cell.scores]
    with_it = [score for cell, _ in pairs for score in cell.scores]
    groups = [group for _, cell in pairs for group in cell.groups or range(cell.n)]  # seeds have the same test rows
    gain = paired_gain(without, with_it, groups=groups)
    return f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the tasks' rows")
    parser.add_argument("--only", nargs="+", choices=ABLATED, default=list(ABLATED), metavar="TASK")
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), default=list(PARTS), metavar="NAME")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--limit", type=int, default=TEST_ROWS, help="the most test rows to score")
    parser.add_argument("--budget", default=BUDGET, help="the budget of each compile")
    parser.add_argument("--cache", type=Path, help="a folder that keeps completions between runs")
    parser.add_argument("--results", type=Path, help="the JSON file; the table is written beside it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
