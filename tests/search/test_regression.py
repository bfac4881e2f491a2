"""Logistic regression finds what can be worked out by hand, and is drawn to its centre."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.search.regression import fit_logistic


def test_an_intercept_alone_is_the_log_odds() -> None:
    (weight,) = fit_logistic([(1.0,)] * 10, [True] * 8 + [False] * 2, centre=(0.0,), ridge=(0.0,))
    assert weight == pytest.approx(math.log(4), abs=1e-4)


def test_two_groups_have_their_own_log_odds() -> None:
    rows = [(1.0, 0.0)] * 4 + [(1.0, 1.0)] * 4
    targets = [True, False, False, False, True, True, True, False]
    intercept, weight = fit_logistic(rows, targets, centre=(0.0, 0.0), ridge=(0.0, 0.0))
    assert intercept == pytest.approx(-math.log(3), abs=1e-4)
    assert weight == pytest.approx(2 * math.log(3), abs=1e-4)


def test_separable_rows_and_columns_that_depend_on_each_other_stay_finite() -> None:
    rows = [(1.0, x, 2 * x) for x in (0.0, 0.1, 0.9, 1.0)]
    fitted = fit_logistic(rows, [False, False, True, True], centre=(0.0,) * 3, ridge=(1e-3, 0.1, 0.1))
    assert all(math.isfinite(weight) for weight in fitted)
    assert fitted[1] + 2 * fitted[2] > 1


@given(
    rows=st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20),
    centre=st.floats(-9, 9),
)
def test_a_strong_ridge_holds_the_centre_and_without_rows_to_the_contrary_nothing_moves(
    rows: list[tuple[float, bool]], centre: float
) -> None:
    columns, targets = [(1.0, value) for value, _ in rows], [target for _, target in rows]
    fitted = fit_logistic(columns, targets, centre=(0.0, centre), ridge=(1e6, 1e6))
    assert fitted == pytest.approx((0.0, centre), abs=1e-3)
