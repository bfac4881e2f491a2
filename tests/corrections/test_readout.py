"""A readout weighs the alternatives of the first token."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.corrections.readout import Readout

BALL = Readout(
    usual={" ball": -3.0, " vote": -4.0},
    weights={" ball": {"sports": 0.5, "world": -0.5}, " vote": {"sports": 0.0, "world": 1.0}},
    biases={"sports": 0.0, "world": math.log(2)},
)
EVEN = {"sports": 0.5, "world": 0.5}


def test_the_usual_alternatives_leave_the_biases_alone_to_speak() -> None:
    shares = BALL.shares(EVEN, {" ball": -3.0, " vote": -4.0, " the": -1.0})
    assert shares["world"] == pytest.approx(2 / 3)


def test_a_token_above_its_usual_speaks_by_its_weight() -> None:
    shares = BALL.shares(EVEN, {" ball": -1.0, " vote": -4.0})
    assert math.log(shares["sports"] / shares["world"]) == pytest.approx(0.5 * 2 + 0.5 * 2 - math.log(2))


def test_a_token_that_is_not_told_counts_as_the_least_likely_that_is() -> None:
    assert BALL.shares(EVEN, {" ball": -3.0}) == BALL.shares(EVEN, {" ball": -3.0, " vote": -3.0})


@given(st.floats(0, 1), st.dictionaries(st.sampled_from([" ball", " vote", " a"]), st.floats(-30, 0), min_size=1))
def test_shares_add_up_to_one_whatever_is_told(share: float, first_token: dict[str, float]) -> None:
    shares = BALL.shares({"sports": share, "world": 1 - share}, first_token)
    assert sum(shares.values()) == pytest.approx(1)
    assert all(0 <= one <= 1 for one in shares.values())
