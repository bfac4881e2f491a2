"""Measure DSPy's optimizers with their own defaults."""

import contextlib
import math
import time
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError

from cribsheet.dataset.examples import Example, Prediction, Row
from cribsheet.outcomes import UNANSWERABLE, Unanswerable
from cribsheet.task import Metric
from versus.cells import Cell, Cost, Judged, filled, surroundings
from versus.engine import PROPOSAL_TOKENS, Asked, CutOff, EngineLM, Limit
from versus.tasks import Ask, Bench, student
from versus.tracking import Tracker, row_key

NEIGHBOURS = 3
"""KNNFewShot has no default; this is the number in its documentation."""
_GRAMS = (2, 3, 4)
_DIMENSIONS = 1024
_ANY_NUMBER = 10**9


@dataclass(frozen=True)
class Setup:
    """The inputs of an optimizer."""

    student: dspy.Module
    train: list[dspy.Example]
    val: list[dspy.Example]
    metric: Callable[..., Any]
    lm: EngineLM
    proposer: EngineLM
    """The same model with longer answers allowed."""


def _predict(setup: Setup) -> dspy.Module:
    return setup.student


def _labeled(setup: Setup) -> dspy.Module:
    return dspy.LabeledFewShot().compile(setup.student, trainset=setup.train)


def _random_search(setup: Setup) -> dspy.Module:
    optimizer = dspy.BootstrapFewShotWithRandomSearch(metric=setup.metric)
    return optimizer.compile(setup.student, trainset=setup.train, valset=setup.val)


def _knn(setup: Setup) -> dspy.Module:
    vectorizer = dspy.Embedder(gram_vectors, caching=False)
    optimizer = dspy.KNNFewShot(NEIGHBOURS, setup.train, vectorizer, metric=setup.metric)
    return optimizer.compile(setup.student)


def _mipro(setup: Setup) -> dspy.Module:
    optimizer = dspy.MIPROv2(metric=setup.metric, prompt_model=setup.proposer, task_model=setup.lm)
    return optimizer.compile(setup.student, trainset=setup.train, valset=setup.val)


def _simba(setup: Setup) -> dspy.Module:
    return dspy.SIMBA(metric=setup.metric, prompt_model=setup.proposer).compile(setup.student, trainset=setup.train)


def _gepa(setup: Setup) -> dspy.Module:
    reflection = setup.proposer.copy(temperature=1.0)  # as in its documentation
    optimizer = dspy.GEPA(metric=setup.metric, auto="light", reflection_lm=reflection)
    return optimizer.compile(setup.student, trainset=setup.train, valset=setup.val)


METHODS: dict[str, Callable[[Setup], dspy.Module]] = {
    "dspy.Predict": _predict,
    "dspy.LabeledFewShot": _labeled,
    "dspy.BootstrapFewShotWithRandomSearch": _random_search,
    "dspy.KNNFewShot": _knn,
    "dspy.MIPROv2": _mipro,
    "dspy.SIMBA": _simba,
    "dspy.GEPA": _gepa,
}
"""DSPy's methods, the cheapest first."""


@dataclass(frozen=True)
class Conditions:
    """The settings that all of DSPy's methods share."""

    engine: Asked
    cutoff: float
    """The number of tokens that an optimizer may spend."""
    limit: int
    """The most test rows to score."""
    log: Path
    """The file for everything that the optimizers print."""


def measure(bench: Bench, method: str, seed: int, conditions: Conditions) -> Cell:
    """Compile with one optimizer on the rows that our search with that seed gets, then score on the test rows."""
    allowed = f"{conditions.cutoff:.0f} tokens"
    cell = Cell(task=bench.name, method=method, seed=seed, allowed=allowed, **surroundings())
    limit, tracker = Limit(conditions.cutoff), Tracker(Ask)
    start = time.monotonic()
    with conditions.log.open("a", encoding="utf-8") as log, _quiet(log):
        setup = _setup(bench, seed, EngineLM(conditions.engine, limit), tracker)
        program, note = compile_or_stop(METHODS[method], setup, tracker)
        compiling = _timed(limit.cost, start)
        cell = cell.model_copy(update={"compiling": compiling, "note": note})
        if program is None:
            return cell
        rows, counted, start = bench.test_rows(seed), Limit(), time.monotonic()
        judged = judge(program, rows[: conditions.limit], bench, EngineLM(conditions.engine, counted))
    return filled(cell.model_copy(update={"testing": _timed(counted.cost, start)}), judged, rows, bench.field)


def _timed(cost: Cost, start: float) -> Cost:
    """Return a cost with the seconds since the start, added to those of earlier runs."""
    return cost.model_copy(update={"seconds": round(cost.seconds + time.monotonic() - start, 2)})


def compile_or_stop(
    method: Callable[[Setup], dspy.Module], setup: Setup, tracker: Tracker
) -> tuple[dspy.Module | None, str]:
    """Return the optimizer's program and a note; if it was cut off or failed, its best program at that point.

    If there is none yet, the program is the unchanged student after a cutoff, and None after a failure.
    """
    try:
        # DSPy gives up after ten errors by default, but a model of this size gives more answers that it cannot read.
        with dspy.context(lm=setup.lm, callbacks=[tracker], max_errors=_ANY_NUMBER, disable_history=True):
            return method(setup), ""
    except CutOff as stop:
        best = tracker.best(setup.student)
        if best is None:
            return setup.student, f"{stop} before it had compared programs: the student as it was"
        return best[0], f"{stop}: its best program until then, by {best[1]} rows"
    except Exception as error:  # noqa: BLE001 - every failure of an optimizer is a result to report
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        best = tracker.best(setup.student)
        if best is None:
            return None, f"did not run: {reason}"
        return best[0], f"failed with {reason}: its best program until then, by {best[1]} rows"


def judge(program: dspy.Module, rows: Sequence[Row], bench: Bench, lm: EngineLM) -> Judged:
    """Answer the test rows in as many threads as the engine has slots."""
    name, faults = bench.field.name, Counter[str]()

    def answer(row: Row) -> tuple[float, str | None]:
        try:
            with dspy.context(lm=lm, disable_history=True, max_errors=_ANY_NUMBER):
                value = outcome_in(getattr(program(**row.inputs), name), bench)
        except AdapterParseError:
            faults["unreadable"] += 1
            return 0.0, None
        except Exception:  # noqa: BLE001 - a crash on a test row is a result, counted separately
            faults["crashed"] += 1
            return 0.0, None
        return float(bench.metric(Example(row.inputs, row.outputs), Prediction({name: value}))), bench.field.outcome_of(
            value
        )

    answers = list(map(answer, rows))
    return Judged(
        scores=tuple(score for score, _ in answers),
        outcomes=tuple(
            (bench.field.outcome_of(row.outputs[name][0]), said) for row, (_, said) in zip(rows, answers, strict=True)
        ),
        unreadable=faults["unreadable"],
        crashed=faults["crashed"],
    )


def outcome_in(value: Any, bench: Bench) -> Any:
    """Return the value that DSPy parsed; the word for an abstention becomes an abstention."""
    if bench.field.abstains and isinstance(value, str) and value.strip(" \n\t.!\"'`*").casefold() == UNANSWERABLE:
        return Unanswerable()
    return value


def watched(bench: Bench, rows: Sequence[Row], tracker: Tracker) -> Callable[..., Any]:
    """Return the task's metric in the form that DSPy calls, which reports each score to the tracker.

    All accepted answers count, although a DSPy row holds only the one that demonstrations show. GEPA gets the right
    answer as feedback.
    """
    accepted, name = {row_key(row.inputs): row for row in rows}, bench.field.name

    def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
        row = accepted[row_key(gold.inputs())]
        value = outcome_in(getattr(pred, name), bench) if pred is not None else None
        score = (
            0.0 if value is None else float(bench.metric(Example(row.inputs, row.outputs), Prediction({name: value})))
        )
        tracker.note(gold.inputs(), score)
        if pred_name is None:
            return score
        return dspy.Prediction(score=score, feedback=f"The right {name} is: {row.outputs[name][0]}.")

    metric.__name__ = _name_of(bench.metric)
    return metric


def gram_vectors(texts: Sequence[str]) -> list[list[float]]:
    """Return a unit vector for each text, which counts its hashed character n-grams.

    This replaces the embedding model that KNNFewShot expects, so that no model has to be downloaded.
    """
    return [_gram_vector(f" {text.casefold()} ") for text in texts]


def _gram_vector(text: str) -> list[float]:
    counts = Counter(
        zlib.crc32(text[at : at + size].encode()) % _DIMENSIONS for size in _GRAMS for at in range(len(text) - size + 1)
    )
    length = math.sqrt(sum(count * count for count in counts.values())) or 1.0
    return [counts[place] / length for place in range(_DIMENSIONS)]


def _setup(bench: Bench, seed: int, lm: EngineLM, tracker: Tracker) -> Setup:
    splits = bench.splits(seed)
    return Setup(
        student=student(bench),
        train=[_example(row) for row in splits.train],
        val=[_example(row) for row in splits.val],
        metric=watched(bench, (*splits.train, *splits.val), tracker),
        lm=lm,
        proposer=lm.copy(max_tokens=PROPOSAL_TOKENS),
    )


def _example(row: Row) -> dspy.Example:
    outputs = {name: values[0] for name, values in row.outputs.items()}
    return dspy.Example(**row.inputs, **outputs).with_inputs(*row.inputs)


def _name_of(metric: Metric) -> str:
    return getattr(metric, "__name__", "metric")


@contextlib.contextmanager
def _quiet(log: Any) -> Any:
    """Redirect everything that DSPy and its optimizers print to the log."""
    dspy.disable_logging()
    with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        yield
