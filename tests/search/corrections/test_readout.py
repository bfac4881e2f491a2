"""Weights are fitted to what tokens tell, and to no more than they do."""

import math
import random
from collections.abc import Callable

from cribsheet.corrections.readout import Readout
from cribsheet.search.corrections.readout import Told, fit_readout

OUTCOMES = ("a", "b", "c")
EVEN = dict.fromkeys(OUTCOMES, 1 / 3)
Alternatives = dict[str, float]


def rows(count: int, said: Callable[[str, random.Random], Alternatives], *, seed: int = 0) -> list[Told]:
    """Rows whose outcomes the calibrated shares do not tell apart."""
    rng = random.Random(seed)
    return [Told(outcome, EVEN, said(outcome, rng)) for outcome in rng.choices(OUTCOMES, k=count)]


def hinting(outcome: str, rng: random.Random) -> Alternatives:
    """Each outcome has a token of its own that is said more where it is right; one token is noise."""
    own = {f" {one}-like": -5.0 + (1.5 if one == outcome else 0.0) + rng.gauss(0, 1) for one in OUTCOMES}
    return {**own, " noise": -4.0 + rng.gauss(0, 1), " floor": -9.0}


def fitted(told: list[Told]) -> Readout:
    readout = fit_readout(told)
    assert readout is not None
    return readout


def right(readout_rows: list[Told], fitted_on: list[Told]) -> float:
    readout = fitted(fitted_on)
    shares = [readout.shares(row.shares, row.first_token) for row in readout_rows]
    return sum(max(one, key=one.__getitem__) == row.outcome for one, row in zip(shares, readout_rows, strict=True)) / (
        len(readout_rows)
    )


def test_what_tokens_tell_is_learnt_and_holds_on_other_rows() -> None:
    unseen = rows(1000, hinting, seed=1)
    few, many = right(unseen, rows(64, hinting)), right(unseen, rows(300, hinting))
    assert many > 0.65  # the best that can be is 0.74; a guess is right in a third
    assert many >= few - 0.02


def test_noise_gets_less_weight_than_what_tells() -> None:
    weights = fitted(rows(300, hinting)).weights
    assert weights[" a-like"]["a"] > 4 * max(map(abs, weights[" noise"].values()))


def test_where_tokens_tell_nothing_hardly_anything_is_learnt_from_few_rows() -> None:
    def noise(outcome: str, rng: random.Random) -> Alternatives:
        return {f" {number}": -3.0 + rng.gauss(0, 1) for number in range(40)}

    readout = fitted(rows(64, noise))
    sharpest = [max(readout.shares(row.shares, row.first_token).values()) for row in rows(200, noise, seed=1)]
    assert sum(sharpest) / len(sharpest) < 0.6


def test_a_token_of_few_rows_is_left_out_and_counts_as_the_least_likely_where_it_is_untold() -> None:
    told = [Told("a", {"a": 0.5, "b": 0.5}, {" x": -1.0, " y": -3.0}), Told("b", {"a": 0.5, "b": 0.5}, {" x": -2.0})]
    assert fitted(told).usual == {" x": -1.5, " y": -2.5}
    assert fitted([*told, told[1]]).usual == {" x": -1.6667}


def test_shares_that_are_right_are_left_as_they_are() -> None:
    sure = [
        Told(outcome, {one: 0.98 if one == outcome else 0.01 for one in OUTCOMES}, {" x": -1.0, " y": -2.0})
        for outcome in OUTCOMES * 30
    ]
    readout = fitted(sure)
    moved = readout.shares(sure[0].shares, sure[0].first_token)
    assert math.isclose(moved[sure[0].outcome], 0.98, abs_tol=0.01)


def test_so_many_outcomes_that_a_fit_would_take_all_memory_get_no_readout() -> None:
    many = dict.fromkeys(map(str, range(1000)), 1e-3)
    assert fit_readout([Told("1", many, {" x": -1.0, " y": -2.0})] * 100) is None
