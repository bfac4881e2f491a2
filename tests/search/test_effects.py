"""Choices that were in good candidates are made more often."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from cribsheet.search.effects import Effects

DRAWS = 400


def effects_of(*told: tuple[Sequence[str], float]) -> Effects:
    effects = Effects(random.Random(0))
    for choices, merit in told:
        effects.learn(choices, merit)
    return effects


def test_what_was_in_good_candidates_has_a_good_effect() -> None:
    effects = effects_of((["a", "b"], 0.9), (["a", "c"], 0.8), (["d", "b"], 0.3), (["d", "c"], 0.2))
    assert effects.of("a") > effects.of("b") > 0 > effects.of("c") > effects.of("d")
    assert effects.of("a") == pytest.approx(-effects.of("d"))


def test_what_was_never_tried_and_what_makes_no_difference_have_no_effect() -> None:
    assert effects_of().of("a") == 0
    assert effects_of((["a"], 0.5), (["b"], 0.5)).of("a") == 0
    assert effects_of((["a"], 0.9), (["b"], 0.5)).of("c") == 0


def test_what_was_seen_once_counts_less_than_what_was_seen_often() -> None:
    often = [(["often"], 0.9)] * 6
    effects = effects_of((["once"], 0.9), *often, *[(["other"], 0.1)] * 7)
    assert effects.of("often") > 2 * effects.of("once") > 0


def test_candidates_are_compared_with_their_kind_alone() -> None:
    effects = Effects(random.Random(0))
    for choice, merit, kind in [("a", 0.9, "easy"), ("b", 0.8, "easy"), ("c", 0.3, "hard"), ("d", 0.2, "hard")]:
        effects.learn([choice], merit, kind=kind)
    assert effects.of("a") == pytest.approx(effects.of("c"))
    assert effects.of("c") > 0 > effects.of("b")


def test_what_is_learnt_later_counts_too() -> None:
    effects = effects_of((["a"], 0.9), (["b"], 0.1))
    assert effects.of("a") > 0
    for _ in range(4):
        effects.learn(["a"], 0.1)
        effects.learn(["b"], 0.9)
    assert effects.of("a") < 0 < effects.of("b")


def test_good_choices_come_first_more_often_and_every_choice_at_times() -> None:
    effects = effects_of((["good"], 0.7), (["poor"], 0.5))
    firsts = Counter(effects.shuffled(["good", "poor", "new"])[0] for _ in range(DRAWS))
    assert firsts["good"] > firsts["new"] > firsts["poor"] > 0
    assert sorted(effects.shuffled(["good", "poor", "new"])) == ["good", "new", "poor"]
    assert effects.shuffled([]) == []


def test_without_anything_learnt_every_order_is_as_likely() -> None:
    effects = Effects(random.Random(0))
    firsts = Counter(effects.shuffled("abcd")[0] for _ in range(DRAWS))
    assert min(firsts.values()) > DRAWS / 4 * 0.7
