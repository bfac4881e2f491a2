"""Wrong answers, unreadable answers and crashes are three things."""

import threading
from collections.abc import Mapping

import pytest

from cribsheet.corrections import Answer, Evidence, Guard
from cribsheet.dataset.examples import Prediction, Row
from cribsheet.errors import ContextOverflowError, MetricError, UnreachableError
from cribsheet.evaluation.evaluate import Evaluation, evaluate, selective_curve, summarize, uncorrected_evaluation
from cribsheet.evaluation.metrics import answer_f1, label_accuracy
from cribsheet.evaluation.risk_coverage import Point
from cribsheet.executor import Threads
from cribsheet.frozen.running import Call, Run
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.prompts import Prompt
from toys import QA, SENTIMENT

ROWS = [
    Row({"text": text}, {"sentiment": (gold,)})
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
            return Run({"sentiment": "positive"}, ())
        case "wrong":
            return Run({"sentiment": "negative"}, ())
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
    rows = [Row({"text": "gone"}, {"sentiment": ("positive",)})]
    with pytest.raises(UnreachableError):
        summarize(evaluate(runner, rows, label_accuracy, executor=Threads(1)))


def test_a_broken_metric_is_named() -> None:
    def broken(example: Row, prediction: Prediction, trace: object = None) -> float:
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


# Guarded answers

CASES: dict[str, tuple[Value, float | None]] = {
    "given": ("Rovers", 0.9),
    "withheld": ("Rovers", 0.2),
    "wrongly given": ("Rovers", 0.6),
    "abstained": (Unanswerable(), None),
}
"""By question, what the model said and how likely it was to stand."""


def guarded(inputs: Mapping[str, Value]) -> Run:
    """Answer as a predictor whose guard lets stand what is at least as likely as not."""
    said, standing = CASES[str(inputs["question"])]
    stands = standing is None or standing >= 0.5
    before = Answer({"answer": said}, Prompt(text="x"), Completion(text=str(said)))
    answer = Answer(
        {"answer": said if stands else Unanswerable()},
        before.prompt,
        before.completion,
        evidence=Evidence(field="answer", answer=said, abstention=0.0, confidence=0.5, written=said),
        standing=standing,
        by=Guard(field="answer", context="context", weights={}, intercept=0.0, threshold=0.5),
        before=before,
    )
    return Run(answer.outputs, (Call("answer", inputs, answer),))


@pytest.fixture
def half_guarded() -> Evaluation:
    golds = {"given": "Rovers", "withheld": "Rovers", "wrongly given": Unanswerable(), "abstained": Unanswerable()}
    rows = [Row({"question": name, "context": "C."}, {"answer": (gold,)}) for name, gold in golds.items()]
    return summarize(evaluate(guarded, rows, answer_f1, executor=Threads(1)))


def test_the_score_without_the_guard_is_that_of_what_was_withheld(half_guarded: Evaluation) -> None:
    uncorrected = uncorrected_evaluation(half_guarded, answer_f1)
    assert half_guarded.scores == (1.0, 0.0, 0.0, 1.0)
    assert uncorrected is not None
    assert uncorrected.scores == (1.0, 1.0, 0.0, 1.0)


def test_the_curve_ranks_answers_by_their_standing_withheld_ones_too(half_guarded: Evaluation) -> None:
    curve = selective_curve(half_guarded, answer_f1)
    assert curve == (Point(0.25, 0.0), Point(0.5, 0.5), Point(0.75, pytest.approx(1 / 3)))


def test_answerable_rows_have_a_score_of_their_own(half_guarded: Evaluation) -> None:
    score = half_guarded.answerable(QA.outputs[0])
    assert score is not None
    assert (score.score, score.n) == (0.5, 2)


def test_where_nothing_guards_the_curve_ranks_by_confidence_and_there_is_no_other_score() -> None:
    sure = {"sure": ("positive", 0.9), "unsure": ("positive", 0.6)}

    def decided(inputs: Mapping[str, Value]) -> Run:
        said, confidence = sure[str(inputs["text"])]
        answer = Answer({"sentiment": said}, Prompt(text="x"), Completion(text=said), probability=confidence)
        return Run(answer.outputs, (Call("predict", inputs, answer),))

    rows = [
        Row({"text": "unsure"}, {"sentiment": ("negative",)}),
        Row({"text": "sure"}, {"sentiment": ("positive",)}),
    ]
    found = summarize(evaluate(decided, rows, label_accuracy, executor=Threads(1)))
    assert selective_curve(found, label_accuracy) == (Point(0.5, 0.0), Point(1.0, 0.5))
    assert uncorrected_evaluation(found, label_accuracy) is None


def test_where_nothing_tells_how_sure_there_is_no_curve(evaluation: Evaluation) -> None:
    assert selective_curve(evaluation, label_accuracy) == ()
