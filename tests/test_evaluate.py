"""Wrong answers, unreadable answers and crashes are three things."""

import threading
from collections.abc import Mapping

import pytest

from cribsheet.errors import ContextOverflowError, MetricError, UnreachableError
from cribsheet.evaluate import Evaluation, evaluate, summarize
from cribsheet.examples import Example, Prediction
from cribsheet.executor import Threads
from cribsheet.metrics import label_accuracy
from cribsheet.outcomes import Value
from cribsheet.parsing import ParseFailure
from cribsheet.running import Run
from toys import SENTIMENT

ROWS = [
    Example({"text": text}, {"sentiment": (gold,)})
    for text, gold in (
        ("right", "positive"),
        ("wrong", "positive"),
        ("garbled", "negative"),
        ("crash", "negative"),
        ("long", "negative"),
    )
]


def runner(inputs: Mapping[str, Value]) -> Run:
    match inputs["text"]:
        case "right":
            return Run(Prediction({"sentiment": "positive"}), ())
        case "wrong":
            return Run(Prediction({"sentiment": "negative"}), ())
        case "garbled":
            return Run(ParseFailure("no label"), ())
        case "long":
            raise ContextOverflowError("too long")
        case "gone":
            raise UnreachableError("no server")
        case _:
            raise ZeroDivisionError("the program's own")


@pytest.fixture
def evaluation() -> Evaluation:
    return summarize(evaluate(runner, ROWS, label_accuracy, executor=Threads(1)))


def test_each_kind_of_failure_is_counted_apart(evaluation: Evaluation) -> None:
    assert evaluation.scores == (1.0, 0.0, 0.0, 0.0, 0.0)
    assert (evaluation.parse_failures, evaluation.errors) == (1, 2)
    assert evaluation.rows[3].error == "ZeroDivisionError: the program's own"


def test_outcomes_are_paired_with_what_was_predicted(evaluation: Evaluation) -> None:
    assert evaluation.outcomes(SENTIMENT.outputs[0]) == [
        ("positive", "positive"),
        ("positive", "negative"),
        ("negative", None),
        ("negative", None),
        ("negative", None),
    ]


def test_a_model_that_is_gone_ends_the_evaluation() -> None:
    rows = [Example({"text": "gone"}, {"sentiment": ("positive",)})]
    with pytest.raises(UnreachableError):
        summarize(evaluate(runner, rows, label_accuracy, executor=Threads(1)))


def test_a_broken_metric_is_named() -> None:
    def broken(example: Example, prediction: Prediction, trace: object = None) -> float:
        return prediction.outputs["mood"]  # type: ignore[return-value]

    with pytest.raises(MetricError, match="broken"):
        summarize(evaluate(runner, ROWS, broken, executor=Threads(1)))


@pytest.mark.parametrize("parallel", [1, 3])
def test_results_keep_the_order_of_their_rows(parallel: int) -> None:
    assert [row.example for row in evaluate(runner, ROWS, label_accuracy, executor=Threads(parallel))] == ROWS


def test_no_more_items_run_at_once_than_allowed() -> None:
    running, peak, lock = 0, 0, threading.Lock()

    def work(item: int) -> int:
        nonlocal running, peak
        with lock:
            running += 1
            peak = max(peak, running)
        threading.Event().wait(0.005)
        with lock:
            running -= 1
        return item

    assert list(Threads(3).map(work, range(12))) == list(range(12))
    assert 1 < peak <= 3
