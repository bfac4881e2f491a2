"""Metrics of one prediction, and figures over many."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from pydantic import BaseModel

from cribsheet.dataset.examples import Example, Prediction, Row
from cribsheet.errors import MetricError
from cribsheet.evaluation.metrics import (
    abstention_precision,
    abstention_recall,
    answer_exact,
    answer_f1,
    apply_metric,
    balanced_accuracy,
    check_score,
    exact_match,
    label_accuracy,
    normalize,
    recall,
)
from cribsheet.outcomes import Unanswerable

NONE = Unanswerable()
EXAMPLE = Example({"text": "Superb."}, {"sentiment": ("positive",)})
ROW = Row({"text": "Superb."}, {"sentiment": ("positive",)})


def answer(metric, accepted, predicted):
    row = Example({"question": "q"}, {"answer": tuple(accepted)})
    return metric(row, Prediction({"answer": predicted}))


# SQuAD


@pytest.mark.parametrize(
    ("accepted", "predicted", "f1", "exact"),
    [
        (["Rome"], "Rome", 1.0, True),
        (["the Treaty of Rome"], "a treaty of Rome.", 1.0, True),
        (["Rome"], "in Rome", 2 / 3, False),
        (["Rome", "in Rome"], "in Rome", 1.0, True),
        (["Rome"], "Oslo", 0.0, False),
        (["Rome Rome"], "Rome", 2 / 3, False),  # a token counts as often as it occurs
        (["don't"], "dont", 1.0, True),
        (["1,957"], "1957", 1.0, True),
        (["thea"], "a", 0.0, False),  # articles are whole words
        (["the"], "a", 1.0, True),  # nothing but articles: equal as a whole
        (["the"], "Rome", 0.0, False),
        ([64], 64, 1.0, True),
        ([NONE], NONE, 1.0, True),
        ([Unanswerable(reason="off topic")], Unanswerable(reason="no idea"), 1.0, True),
        ([NONE], "Rome", 0.0, False),
        (["Rome"], NONE, 0.0, False),
        (["unanswerable"], NONE, 0.0, False),
        (["the"], NONE, 0.0, False),
        (["Rome", NONE], NONE, 1.0, True),
    ],
)
def test_answers_score_as_in_squad(accepted, predicted, f1, exact):
    assert answer(answer_f1, accepted, predicted) == pytest.approx(f1)
    assert answer(answer_exact, accepted, predicted) is exact


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("《跑跑卡丁车》，2006年", ["跑", "跑", "卡", "丁", "车", "2006", "年"]),
        ("韩国Nexon公司", ["韩", "国", "nexon", "公", "司"]),
        ("カード", ["カ", "ー", "ド"]),
        ("café “Mitte”", ["café", "“mitte”"]),  # as SQuAD's script, which knows ASCII punctuation alone
        ("", []),
    ],
)
def test_chinese_and_japanese_characters_are_tokens_of_their_own(text, tokens):
    assert normalize(text) == tokens


def test_chinese_answers_score_by_character():
    assert answer(answer_f1, ["2006年9月"], "2006年") == pytest.approx(2 * 2 / (4 + 2))
    assert answer(answer_exact, ["盛大游戏"], "“盛大游戏”。")


# Labels, and any output


def test_a_label_is_right_or_wrong_whatever_the_output_is_called():
    assert label_accuracy(EXAMPLE, Prediction({"sentiment": "positive"})) is True
    assert label_accuracy(EXAMPLE, Prediction({"sentiment": "negative"})) is False


def test_exact_match_wants_every_output_right():
    row = Example({"text": "t"}, {"city": ("Rome", "Roma"), "pieces": (2,)})
    assert exact_match(row, Prediction({"city": " Roma", "pieces": 2}))
    assert not exact_match(row, Prediction({"city": "Roma", "pieces": 3}))


def test_exact_match_does_not_take_one_type_for_another():
    assert not answer(exact_match, ["unanswerable"], NONE)
    assert not answer(exact_match, ["2"], 2)
    assert answer(exact_match, [NONE], Unanswerable(reason="off topic"))


@pytest.mark.parametrize("metric", [label_accuracy, answer_f1, answer_exact])
def test_a_metric_of_one_output_says_what_to_use_for_several(metric):
    row = Example({"text": "t"}, {"city": ("Rome",), "pieces": (2,)})
    with pytest.raises(MetricError, match=f"{metric.__name__} scores a single output, but this row has city, pie"):
        metric(row, Prediction({"city": "Rome", "pieces": 2}))


class Person(BaseModel):
    name: str


class Pair(NamedTuple):
    name: str
    age: int


@dataclass(frozen=True)
class Place:
    name: str


@pytest.mark.parametrize(
    ("metric", "predicted"),
    [
        *((metric, Person(name="Ann")) for metric in (label_accuracy, answer_f1, answer_exact)),
        *((metric, {"name": "Ann"}) for metric in (label_accuracy, answer_f1, answer_exact)),
        *((metric, Pair("Ann", 3)) for metric in (label_accuracy, answer_f1, answer_exact)),
        *((metric, Place("Ann")) for metric in (label_accuracy, answer_f1, answer_exact)),
        (label_accuracy, ["Ann"]),
        (label_accuracy, {"Ann"}),
    ],
)
def test_a_metric_of_one_value_refuses_a_record_or_a_list(metric, predicted):
    with pytest.raises(MetricError, match=rf"The metric {metric.__name__} scores a single value, but answer is .*Ann"):
        answer(metric, [predicted], predicted)
    assert not answer(metric, [predicted], NONE)


def test_metrics_read_the_examples_and_predictions_of_dspy():
    import dspy

    example = dspy.Example(question="q", answer=["Rome", "in Rome"]).with_inputs("question")
    prediction = dspy.Prediction(reasoning="It says so.", answer="in Rome")
    assert answer_f1(example, prediction) == 1.0
    assert exact_match(example, prediction)
    assert answer_f1(dspy.Example(answer=NONE), dspy.Prediction(answer="Rome")) == 0.0
    assert label_accuracy(dspy.Example(mood="good"), Prediction({"mood": "good"}))
    assert check_score(dspy.Prediction(score=0.5, feedback="ok"), metric_name="m", example=example) == 0.5
    with pytest.raises(MetricError, match="have no output in common"):
        answer_f1(dspy.Example(answer="Rome"), dspy.Prediction(city="Rome"))


# Applying


@pytest.mark.parametrize(("raw", "score"), [(True, 1.0), (False, 0.0), (1, 1.0), (0.25, 0.25), (1 + 1e-12, 1.0)])
def test_numbers_and_bools_are_scores(raw, score):
    checked = check_score(raw, metric_name="mine", example=ROW)
    assert checked == score
    assert type(checked) is float


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf, None, "0.5", [1.0], NONE, 1j])
def test_what_is_no_finite_number_is_refused_with_the_metric_the_value_and_the_row(raw):
    with pytest.raises(MetricError) as caught:
        apply_metric(lambda example, prediction: raw, ROW, {"sentiment": "positive"})
    for part in ("<lambda>", repr(raw), ROW.id, "Superb."):
        assert part in str(caught.value)


def test_a_metric_that_raises_is_named_with_the_row_and_its_own_error_is_kept():
    def mine(example, prediction, trace=None):
        return 1 / 0

    with pytest.raises(MetricError, match="metric mine raised ZeroDivisionError: division by zero") as caught:
        apply_metric(mine, ROW, {"sentiment": "positive"})
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert ROW.id in str(caught.value)


def test_a_metric_may_be_any_callable():
    class Half:
        def __call__(self, example, prediction, trace=None):
            return 0.5

    assert apply_metric(Half(), ROW, {"sentiment": "positive"}) == 0.5


def test_ctrl_c_inside_a_metric_is_not_taken_for_its_fault():
    def interrupted(example, prediction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_metric(interrupted, ROW, {})


# Figures over many


PAIRS = [
    ("answered", "answered"),
    ("answered", "answered"),
    ("answered", "unanswerable"),
    ("answered", "failed"),
    ("unanswerable", "unanswerable"),
    ("unanswerable", "answered"),
    ("unanswerable", "unanswerable"),
    ("unanswerable", "unanswerable"),
]


def test_recall_is_given_for_each_gold_outcome():
    assert recall(PAIRS) == {"answered": 0.5, "unanswerable": 0.75}


def test_balanced_accuracy_gives_each_outcome_the_same_weight():
    assert balanced_accuracy(PAIRS) == 0.625
    assert balanced_accuracy([*PAIRS, *[("answered", "failed")] * 4]) == 0.5


def test_abstention_precision_and_recall_look_at_unanswerable_alone():
    assert abstention_precision(PAIRS) == 0.75
    assert abstention_recall(PAIRS) == 0.75


def test_figures_that_are_undefined_are_none_or_refused():
    assert abstention_precision([("unanswerable", "answered")]) is None
    assert abstention_recall([("answered", "unanswerable")]) is None
    with pytest.raises(MetricError, match="no rows"):
        balanced_accuracy([])


@pytest.mark.filterwarnings("error")
def test_an_async_metric_is_told_that_metrics_cannot_be_async() -> None:
    async def grade(example: Row, prediction: Prediction) -> float:
        return 1.0

    async def grades() -> AsyncIterator[float]:
        yield 1.0

    for raw in (grade(ROW, Prediction({})), grades()):
        with pytest.raises(MetricError, match=r"The metric mine is async: .* Metrics cannot be async\. .*asyncio\.run"):
            check_score(raw, metric_name="mine", example=ROW)
