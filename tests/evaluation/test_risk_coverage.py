"""The risk-coverage curve has the values that one works out by hand."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.evaluation.risk_coverage import Point, area, balanced_abstention, risk_coverage

Answers = list[tuple[float, float]]

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=30)


def test_four_answers_by_hand() -> None:
    curve = risk_coverage([(0.9, 1.0), (0.2, 0.0), (0.8, 0.0), (0.7, 1.0)])
    assert [point.coverage for point in curve] == [0.25, 0.5, 0.75, 1.0]
    assert [point.risk for point in curve] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert area(curve) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)


def test_rows_without_an_answer_keep_the_curve_from_full_coverage() -> None:
    assert risk_coverage([(0.9, 1.0)], rows=4) == (Point(0.25, 0.0),)
    assert risk_coverage([], rows=4) == ()
    assert area(()) is None


def test_answers_that_are_equally_sure_count_with_their_mean() -> None:
    curve = risk_coverage([(0.5, 1.0), (0.5, 0.0), (0.5, 1.0), (0.5, 0.0)])
    assert [point.risk for point in curve] == [0.5] * 4


def test_the_best_order_of_half_right_answers_has_the_area_of_the_harmonic_sum() -> None:
    n = 100
    curve = risk_coverage([(1 - number / n, float(number < n // 2)) for number in range(n)])
    assert area(curve) == pytest.approx(math.fsum((k - 50) / k for k in range(51, 101)) / n)


@given(answers=ANSWERS, seed=st.integers(0, 9))
def test_the_order_of_the_rows_does_not_matter_and_the_curve_ends_at_the_mean_risk(answers: Answers, seed: int) -> None:
    shuffled = random.Random(seed).sample(answers, len(answers))
    curve = risk_coverage(answers)
    assert [point.risk for point in risk_coverage(shuffled)] == pytest.approx([point.risk for point in curve])
    assert curve[-1].coverage == 1
    assert curve[-1].risk == pytest.approx(1 - sum(score for _, score in answers) / len(answers))


@given(answers=ANSWERS)
def test_no_ranking_has_a_smaller_area_than_that_by_the_score(answers: Answers) -> None:
    best = area(risk_coverage([(score, score) for _, score in answers]))
    found = area(risk_coverage(answers))
    assert best is not None
    assert found is not None
    assert best <= found + 1e-9


def test_balanced_abstention_counts_any_answer_and_no_answer_to_neither() -> None:
    gold_and_said = [
        ("large", "small"),
        ("large", "unanswerable"),
        ("unanswerable", ""),
        ("unanswerable", "unanswerable"),
    ]
    assert balanced_abstention(gold_and_said) == 0.5
    assert balanced_abstention([("large", "large")]) is None
