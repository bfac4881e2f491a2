"""Measure Cribsheet's optimizers."""

import tempfile
import time
from pathlib import Path

from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.errors import CribsheetError
from cribsheet.evaluation.evaluate import Evaluation, evaluate, summarize
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.executor import Threads
from cribsheet.frozen.loading import Program
from cribsheet.models import Model
from cribsheet.models.cache import CachedModel, CompletionCache, Meter
from cribsheet.search.words_alone import WordsAlone
from cribsheet.task import Task
from cribsheet.workspace import Workspace, builtin, new_workspace
from versus.cells import Cell, Cost, Judged, filled, surroundings
from versus.tasks import Bench

BASELINE = "baseline"
RACE = "race"
SMALL = "race@12k"
"""`race` with a budget of 12k tokens instead of the task's own: a tenth of DSPy's cutoff, if that is 120k."""
WORDS = "words_alone"
"""A linear model of words and characters, without a language model, learned from the rows that a search sees."""
_KNOWN = (BASELINE, WORDS, "zero_shot", "labeled", RACE, SMALL, "bootstrap")

_NO_SEARCH = '''"""The zero-shot prompt, as it is."""


def search(study):
    """Leave it at the baseline, which the compiler has answered already."""
'''


def methods() -> tuple[str, ...]:
    """Return the names of our methods: the existing optimizers, and the baseline."""
    there = builtin().optimizers()
    return tuple(name for name in _KNOWN if name in (BASELINE, WORDS) or name.partition("@")[0] in there)


def measure(bench: Bench, method: str, seed: int, *, model: Model, budget: str, limit: int) -> Cell:
    """Compile with one optimizer in an empty workspace, then score the frozen program on the test rows.

    A method may name its own budget after an `@`, such as `race@12k`.
    """
    if method == WORDS:
        return _without_a_model(Cell(task=bench.name, method=method, seed=seed, **surroundings()), bench, limit)
    optimizer, _, own = method.partition("@")
    budget = own or budget
    cell = Cell(task=bench.name, method=method, seed=seed, allowed=budget, **surroundings())
    with tempfile.TemporaryDirectory(prefix="cribsheet-versus-") as folder:
        workspace = new_workspace(Path(folder) / "workspace")
        (workspace.root / "optimizers" / f"{BASELINE}.py").write_text(_NO_SEARCH, encoding="utf-8")
        try:
            settings = Settings(trainset=bench.trainset, optimizer=optimizer, budget=budget, seed=seed)
            compiled = compiled_with(settings, bench, workspace, model=model, guard=optimizer != BASELINE)
            return scored(cell, compiled, bench, model=model, limit=limit)
        except CribsheetError as error:
            return cell.model_copy(update={"note": f"did not run: {error}"})


def _without_a_model(cell: Cell, bench: Bench, limit: int) -> Cell:
    """Return the cell with the score of words alone."""
    if not bench.field.is_finite:
        return cell.model_copy(update={"note": "did not run: the answers are written, so words alone cannot give them"})
    splits, rows, start = bench.splits(cell.seed), bench.test_rows(cell.seed), time.monotonic()
    learned = WordsAlone(bench.field, [*splits.train, *splits.val])
    cost = Cost(seconds=round(time.monotonic() - start, 2))
    values = learned.predict([row.inputs for row in rows[:limit]])
    pairs = list(zip(rows, values, strict=False))
    field = bench.field
    judged = Judged(
        scores=tuple(apply_metric(bench.metric, row, {field.name: value}) for row, value in pairs),
        outcomes=tuple((field.outcome_of(row.outputs[field.name][0]), field.outcome_of(value)) for row, value in pairs),
        unreadable=0,
        crashed=0,
    )
    return filled(cell.model_copy(update={"compiling": cost}), judged, rows, field)


def compiled_with(
    settings: Settings, bench: Bench, workspace: Workspace, *, model: Model, guard: bool = True
) -> Compiled:
    """Compile a task of the comparison in a workspace."""
    model.count_tokens("load the weights before the clock starts")
    task = Task(bench.signature, metric=bench.metric, trainset=bench.trainset, guard=guard)
    return compile_task(task, settings, workspace=workspace, model=model)


def scored(cell: Cell, compiled: Compiled, bench: Bench, *, model: Model, limit: int) -> Cell:
    """Return the cell with the score of a frozen program on the first `limit` test rows, asked anew."""
    rows, meter, start = bench.test_rows(cell.seed), Meter(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="cribsheet-scoring-") as scratch:
        asked = CachedModel(model, CompletionCache(Path(scratch)), meter=meter)
        program = Program(compiled.program, model=asked)
        results = evaluate(
            lambda inputs: program.answer(inputs, asked), rows[:limit], bench.metric, executor=Threads(model.parallel)
        )
        evaluation = summarize(results)
    cell = cell.model_copy(
        update={
            "compiling": _cost(compiled.meter, compiled.seconds),
            "testing": _cost(meter, time.monotonic() - start),
            "note": compiled.program.provenance.origin,
        }
    )
    return filled(cell, _judged(evaluation, bench), rows, bench.field)


def _judged(evaluation: Evaluation, bench: Bench) -> Judged:
    return Judged(
        scores=evaluation.scores,
        outcomes=tuple(evaluation.outcomes(bench.field)),
        unreadable=evaluation.parse_failures,
        crashed=evaluation.errors,
    )


def _cost(meter: Meter, seconds: float) -> Cost:
    return Cost(
        calls=meter.calls,
        prompt_tokens=meter.prompt_tokens,
        evaluated_tokens=meter.evaluated_tokens,
        completion_tokens=meter.completion_tokens,
        seconds=round(seconds, 2),
    )
