"""The paired test drops what is worse, and seldom what is not."""

import random

from cribsheet.search.elimination import is_worse


def test_a_clear_loser_is_seen_on_few_rows() -> None:
    assert is_worse([1.0] * 16, [0.0] * 12 + [1.0] * 4, level=0.01)


def test_equals_are_not_told_apart() -> None:
    assert not is_worse([1.0, 0.0] * 8, [1.0, 0.0] * 8, level=0.05)
    assert not is_worse([1.0], [0.0], level=0.5)


def test_an_arm_as_good_as_the_leader_is_dropped_no_more_often_than_the_level_says() -> None:
    rng = random.Random(0)
    dropped = 0
    for _ in range(2000):
        skill = [rng.random() for _ in range(32)]
        one, other = ([float(rng.random() < p) for p in skill] for _ in range(2))
        dropped += is_worse(one, other, level=0.05)
    assert dropped / 2000 <= 0.05
