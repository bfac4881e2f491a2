"""The betting test drops what is worse, and seldom what is not, however often one looks."""

import random
from collections.abc import Callable, Sequence

import pytest

from cribsheet.search.elimination import ALPHA, evidence, is_worse, survivors

ROWS = 256
LOOKS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256)

Arms = list[list[float]]
Draw = Callable[[random.Random], Arms]


def bernoulli(*means: float) -> Draw:
    """Arms that win rows on their own."""
    return lambda rng: [[float(rng.random() < mean) for _ in range(ROWS)] for mean in means]


def correlated(*means: float, shared: float = 0.7) -> Draw:
    """Arms that find the same rows hard."""

    def draw(rng: random.Random) -> Arms:
        hard = [rng.random() for _ in range(ROWS)]
        return [[float((row if rng.random() < shared else rng.random()) < mean) for row in hard] for mean in means]

    return draw


def rare_wins(rng: random.Random) -> Arms:
    """A best arm that mostly loses a little and now and then wins a lot: what misleads a normal test."""
    best = [float(rng.random() < 0.05) for _ in range(ROWS)]
    return [best, [0.05] * ROWS, [0.05] * ROWS]


def race(arms: Arms, *, looks: Sequence[int] = LOOKS) -> tuple[list[int], int]:
    """Race arms; return who is left and how many rows were answered."""
    left, answered, before = list(range(len(arms))), 0, 0
    for rows in looks:
        answered += (rows - before) * len(left)
        before = rows
        left = [left[place] for place in survivors([arms[arm][:rows] for arm in left], entered=len(arms))]
        if len(left) == 1:
            break
    return left, answered


def test_a_clear_loser_is_seen_on_few_rows() -> None:
    assert is_worse([1.0] * 16, [0.0] * 12 + [1.0] * 4, level=0.01)
    arms = correlated(0.9, 0.85, 0.4)(random.Random(0))
    assert 2 not in race(arms, looks=(8, 16, 32, 48))[0]


def test_equals_are_not_told_apart() -> None:
    assert not is_worse([1.0, 0.0] * 8, [1.0, 0.0] * 8, level=0.05)
    assert not is_worse([1.0], [0.0], level=0.5)
    assert not is_worse([], [], level=0.5)


def test_the_better_of_the_two_is_never_the_worse() -> None:
    assert evidence([0.0] * 3000, [1.0] * 3000) < 0
    assert not is_worse([0.5] * 300, [0.6] * 300, level=0.99)


def test_thousands_of_rows_neither_overflow_nor_underflow() -> None:
    assert 6000 < evidence([1.0] * 10_000, [0.0] * 10_000) < 7000
    assert -3000 < evidence([0.0] * 10_000, [1.0] * 10_000) < -2000


def test_scores_beyond_the_unit_interval_count_as_one_row_won() -> None:
    assert evidence([1e9, 0.0], [0.0, 0.0]) == evidence([1.0, 0.0], [0.0, 0.0])
    assert evidence([-1e9, 0.0], [0.0, 0.0]) == evidence([0.0, 0.0], [1.0, 0.0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw",
    [
        bernoulli(*[0.6] * 6),
        bernoulli(0.62, *[0.6] * 5),
        bernoulli(0.97, *[0.95] * 5),
        correlated(*[0.8] * 6),
        correlated(0.82, *[0.8] * 5),
        rare_wins,
    ],
    ids=["equal", "slightly better", "near the ceiling", "correlated equal", "correlated better", "rare wins"],
)
def test_the_best_arm_is_dropped_no_more_often_than_stated_over_all_looks(draw: Draw) -> None:
    rng, races = random.Random(1), 400
    dropped = sum(0 not in race(draw(rng))[0] for _ in range(races))
    assert dropped / races <= ALPHA


@pytest.mark.parametrize("draw", [bernoulli, correlated], ids=["independent", "correlated"])
def test_the_wider_the_gap_the_fewer_rows_are_answered(draw: Callable[..., Draw]) -> None:
    rng, races, means = random.Random(2), 60, []
    for gap in (0.05, 0.1, 0.2, 0.4):
        arms = draw(0.9, *[0.9 - gap] * 5)
        means.append(sum(race(arms(rng))[1] for _ in range(races)) / races)
    assert means == sorted(means, reverse=True)
    assert means[0] <= 6 * ROWS
    assert means[-1] < means[0] / 3


def test_what_is_still_to_come_makes_the_test_stricter() -> None:
    leader, other = [1.0] * 9, [0.0] * 9
    assert survivors([leader, other], entered=2) == [0]
    assert survivors([leader, other], entered=1000) == [0, 1]


def test_ties_of_the_leader_stay_and_no_arm_is_no_trouble() -> None:
    assert survivors([[1.0] * 50, [0.0] * 50, [1.0] * 50], entered=3) == [0, 2]
    assert survivors([], entered=5) == []
    assert survivors([[], []], entered=2) == [0, 1]
