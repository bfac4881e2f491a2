"""Numbers are compared as numbers, with a tolerance if one is given."""

import pytest

from cribsheet import CribsheetError, Example, Prediction, Unanswerable, numeric_match, numeric_within

NONE = Unanswerable()


def matches(accepted, predicted, metric=numeric_match):
    return metric(Example({"question": "q"}, {"answer": (accepted,)}), Prediction({"answer": predicted}))


@pytest.mark.parametrize(
    ("accepted", "predicted", "right"),
    [
        (36, 36, True),
        (36, 36.0, True),
        (36, 37, False),
        (36, "The answer is 36.", True),
        (36, "4 * 9 = 36", True),
        (4, "4 * 9 = 36", False),  # of a text, the last number counts
        (1200, "1,200 euros", True),
        (1200, "$1,200.00", True),
        (-5, "−5 degrees", True),
        (5, "3-5", True),  # a range, not a sign
        (36, "答案是３６。", True),
        (0.5, ".5", True),
        (1500, "1.5e3", True),
        (36, "thirty-six", False),
        (36, "v36", False),
        (36, "", False),
        (1, True, False),
        (0.1 + 0.2, 0.3, True),
        (10**20, 10**20 + 1, False),  # integers are compared exactly
        (10**400, 10**400, True),
        (10**400, 1.5, False),
        (36, float("nan"), False),
        (36, "9" * 5000, False),
        (NONE, NONE, True),
        (NONE, 36, False),
        (36, NONE, False),
    ],
)
def test_a_number_matches_however_it_is_written(accepted, predicted, right):
    assert matches(accepted, predicted) is right


@pytest.mark.parametrize(
    ("tolerance", "predicted", "right"),
    [
        ({"relative": 0.01}, 101, True),
        ({"relative": 0.01}, 99, True),
        ({"relative": 0.01}, 98.9, False),
        ({"absolute": 0.5}, 100.5, True),
        ({"absolute": 0.5}, 100.6, False),
        ({"absolute": 0.5, "relative": 0.02}, 102, True),
        ({}, 100.001, False),
    ],
)
def test_a_tolerance_is_absolute_or_relative_and_the_larger_one_counts(tolerance, predicted, right):
    assert matches(100, predicted, numeric_within(**tolerance)) is right


def test_the_name_of_a_metric_tells_its_tolerance():
    assert numeric_within(relative=0.01).__name__ == "numeric_within_relative_0.01"


@pytest.mark.parametrize("tolerance", [{"absolute": -1}, {"relative": float("nan")}])
def test_a_tolerance_that_makes_no_sense_is_refused(tolerance):
    with pytest.raises(CribsheetError, match=r"must be a finite number from 0 on but got"):
        numeric_within(**tolerance)


def test_a_rationale_beside_the_number_is_not_scored():
    row = Example({"question": "q"}, {"reasoning": ("4 * 9 = 36",), "answer": (36,)})
    assert numeric_match(row, Prediction({"reasoning": "It is 7.", "answer": 36}))


def test_none_is_right_if_the_row_has_none_and_wrong_otherwise() -> None:
    assert numeric_match(Example({"text": "x"}, {"total": (None,)}), Prediction({"total": None}))
    assert not numeric_match(Example({"text": "x"}, {"total": (3.0,)}), Prediction({"total": None}))
