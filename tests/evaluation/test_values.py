"""A metric's values are scores from 0 to 1, or are scaled to them from a declared range."""

import re
from collections.abc import Callable
from typing import Any

import dspy
import numpy as np
import pytest

from cribsheet.dataset.examples import Row
from cribsheet.errors import MetricError
from cribsheet.evaluation.evaluate import evaluate, summarize
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.evaluation.values import ranged
from cribsheet.executor import Threads
from cribsheet.frozen.running import Run
from cribsheet.task import Task

ROW = Row({"text": "Superb. " * 50}, {"sentiment": ("positive",)}, where="rows.csv, line 12")


def scored(value: Any, bounds: tuple[float, float] = (0.0, 1.0)) -> float:
    """Return the score of a metric that gives a value."""

    def grade(example: Any, prediction: Any, trace: object = None) -> Any:
        return value

    return apply_metric(ranged(grade, bounds), ROW, {"sentiment": "positive"})


@pytest.mark.parametrize("value", [8, 1.01, -0.5, 100, np.float64(8), dspy.Prediction(score=8)])
def test_a_value_outside_of_0_to_1_is_refused_with_the_value_the_row_and_what_to_do(value: Any) -> None:
    with pytest.raises(MetricError) as caught:
        scored(value)
    number = 8 if isinstance(value, dspy.Prediction) else value
    for part in (
        f"The metric grade returned {number:g}, which is outside the range 0 to 1",
        f"row {ROW.id} (rows.csv, line 12)",
        "text='Superb. ",
        "Scale what it returns, or declare its range: Task(…, metric_range=(LOW, HIGH))",
    ):
        assert part in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("value", "bounds", "score"),
    [
        (8, (0, 10), 0.8),
        (0, (0, 10), 0.0),
        (10, (0, 10), 1.0),
        (3, (1, 5), 0.5),
        (-1, (-1, 1), 0.0),
        (-0.5, (-2, 0), 0.75),
        (dspy.Prediction(score=8, feedback="good"), (0, 10), 0.8),
        (np.float32(5), (0, 10), 0.5),
        (True, (0, 10), 1.0),
        (False, (1, 5), 0.0),
        (np.True_, (0, 10), 1.0),
        (dspy.Prediction(score=True), (0, 10), 1.0),
    ],
)
def test_a_value_of_a_declared_range_is_scaled(value: Any, bounds: tuple[float, float], score: float) -> None:
    assert scored(value, bounds) == pytest.approx(score)


@pytest.mark.parametrize(("value", "bounds"), [(11, (0, 10)), (0, (1, 5)), (0.1, (-1, 0))])
def test_a_value_outside_of_a_declared_range_is_refused(value: Any, bounds: tuple[float, float]) -> None:
    with pytest.raises(
        MetricError, match=rf"returned {value:g}, which is outside the range {bounds[0]:g} to {bounds[1]:g}"
    ):
        scored(value, bounds)


class Grade:
    """A metric that is no function and wants a trace."""

    low = "its own"

    def __call__(self, example: Any, prediction: Any, trace: object) -> float:
        return 5.0


def test_a_ranged_metric_keeps_its_name_and_its_parameters() -> None:
    assert apply_metric(ranged(Grade(), (0, 10)), ROW, {"sentiment": "positive"}) == 0.5
    assert ranged(Grade(), (0, 10)).__name__ == "Grade"
    with pytest.raises(MetricError, match="The metric Grade returned 5, which is outside the range 0 to 4"):
        apply_metric(ranged(Grade(), (0, 4)), ROW, {"sentiment": "positive"})


@pytest.mark.parametrize(
    "bounds",
    [
        (1, 0),
        (0, 0),
        (0, float("inf")),
        10,
        (0, 5, 10),
        ("a", "b"),
        None,
        "01",
        {0, 10},
        ("0", "1"),
        {0: 1, 1: 2},
        (0, 10**400),
    ],
)
def test_a_range_that_is_none_is_refused_by_the_task(bounds: Any) -> None:
    with pytest.raises(
        MetricError,
        match=r"metric_range must be two finite numbers.* Give the metric's lowest and highest value",
    ):
        Task("text -> label", metric=Grade(), trainset="x.jsonl", metric_range=bounds)


# What raises


def broken(example: Any, prediction: Any, trace: object = None) -> float:
    """Compare what is not there."""
    return float(example.sentiment == prediction.mood)


def helper(value: str) -> int:
    return int(value)


def broken_below(example: Any, prediction: Any) -> float:
    return helper(prediction.sentiment)


def broken_inside_a_library(example: Any, prediction: Any) -> float:
    return np.array([1.0]).reshape(3)[0]


@pytest.mark.parametrize(
    ("metric", "said", "code"),
    [
        (broken, "AttributeError: there is no field 'mood'", "return float(example.sentiment == prediction.mood)"),
        (broken_below, "ValueError: invalid literal", "return int(value)"),
        (broken_inside_a_library, "ValueError: cannot reshape", "return np.array([1.0]).reshape(3)[0]"),
    ],
)
def test_a_metric_that_raises_is_told_with_the_place_the_row_and_the_prediction(
    metric: Callable[..., Any], said: str, code: str
) -> None:
    with pytest.raises(MetricError) as caught:
        apply_metric(metric, ROW, {"sentiment": "positive" * 200})
    message = str(caught.value)
    for part in (
        said,
        f"test_values.py, line {_line_of(code)}: {code}",
        f"row {ROW.id} (rows.csv, line 12)",
        "Superb. ",
    ):
        assert part in message
    assert "Prediction(sentiment='positive" in message
    assert message.endswith("Correct the metric, or the row.")
    assert len(message) < 1000


class Unspoken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Stopped(BaseException):
    """Not one of Python's usual exceptions."""


class NoNumber:
    def __float__(self) -> float:
        raise RuntimeError("a tensor of two elements")


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (Unspoken(), "Unspoken, whose message cannot be shown: its __str__ raised RuntimeError (tests/"),
        (Stopped("now"), "Stopped: now (tests/"),
        (GeneratorExit(), "GeneratorExit: "),
    ],
)
def test_whatever_a_metric_raises_is_one_message(raised: BaseException, said: str) -> None:
    def metric(example: Any, prediction: Any) -> float:
        raise raised

    with pytest.raises(MetricError, match=f"The metric metric raised {re.escape(said)}"):
        apply_metric(metric, ROW, {"sentiment": "positive"})


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (NoNumber(), "raised RuntimeError: a tensor of two elements"),
        (10**400, "returned 1000"),
        (10**5000, "raised"),
    ],
    ids=["no number", "400 digits", "5000 digits"],
)
def test_a_value_that_cannot_be_made_a_number_is_one_message(raw: Any, said: str) -> None:
    with pytest.raises(MetricError, match=said):
        apply_metric(lambda example, prediction: raw, ROW, {"sentiment": "positive"})


@pytest.mark.parametrize("error", [Unspoken(), Stopped("now")])
def test_whatever_a_program_raises_is_a_crash_of_its_row(error: BaseException) -> None:
    def runner(inputs: Any) -> Run:
        raise error

    (result,) = summarize(evaluate(runner, [ROW], broken, executor=Threads(1))).rows
    assert str(result.error).startswith(type(error).__name__)


def test_a_program_that_raises_leaves_the_place_too() -> None:
    def runner(inputs: Any) -> Run:
        raise ZeroDivisionError("the program's own")

    (result,) = summarize(evaluate(runner, [ROW], broken, executor=Threads(1))).rows
    assert result.error == "ZeroDivisionError: the program's own"
    assert 'raise ZeroDivisionError("the program\'s own")' in result.place


def _line_of(code: str) -> int:
    with open(__file__, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if line.strip() == code)
