"""Demos that were in good sets are drawn more often, and sets stay balanced."""

import random
from collections import Counter
from collections.abc import Sequence
from statistics import fmean

import pytest

from cribsheet.dataset.examples import Demo
from cribsheet.outcomes import Unanswerable
from cribsheet.search.demo_sampling import DemoSampler, Effects, covering
from toys import QA, SENTIMENT

DRAWS = 400


def review(text: str, sentiment: str = "positive") -> Demo:
    return Demo(inputs={"text": text}, outputs={"sentiment": sentiment})


def pool_of(positive: int, negative: int) -> list[Demo]:
    return [
        *(review(f"superb {number}") for number in range(positive)),
        *(review(f"dull {number}", "negative") for number in range(negative)),
    ]


def draw_of(pool: Sequence[Demo], *, seed: int = 0) -> DemoSampler:
    return DemoSampler(SENTIMENT, pool, rng=random.Random(seed))


def sentiments(demos: Sequence[Demo]) -> Counter[object]:
    return Counter(demo.outputs["sentiment"] for demo in demos)


# What a choice does


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


# Sets of demos


def test_demos_of_sets_that_did_well_are_drawn_more_often() -> None:
    pool = pool_of(16, 16)
    draw, helpful, rng = draw_of(pool), {0, 1, 16, 17}, random.Random(1)
    for _ in range(60):
        demos = draw.draw(4)
        merit = 0.5 + 0.1 * sum(pool.index(demo) in helpful for demo in demos) + rng.gauss(0, 0.05)
        draw.learn(demos, merit, kind="plain")
    drawn = Counter(pool.index(demo) for _ in range(DRAWS) for demo in draw.draw(4))
    usual = sum(drawn.values()) / len(pool)
    assert fmean(drawn[place] for place in helpful) > 1.5 * usual
    assert fmean(draw.effect(pool[place]) for place in helpful) > 0


def test_outcomes_stay_balanced_whatever_was_learnt() -> None:
    pool = pool_of(16, 16)
    draw = draw_of(pool)
    for place in range(16):  # every positive demo looks good, every negative one bad
        draw.learn([pool[place]], 1.0, kind="plain")
        draw.learn([pool[16 + place]], 0.0, kind="plain")
    for _ in range(50):
        assert sentiments(draw.draw(6)) == {"positive": 3, "negative": 3}
    odd = Counter(sentiments(draw.draw(5))["positive"] for _ in range(DRAWS))
    assert set(odd) == {2, 3}
    assert min(odd.values()) > DRAWS / 4


def test_an_outcome_with_few_demos_leaves_its_places_to_the_others() -> None:
    draw = draw_of(pool_of(10, 1))
    assert sentiments(draw.draw(6)) == {"positive": 5, "negative": 1}
    assert len(draw.draw(100)) == len(set(map(repr, draw.draw(100)))) == 11
    assert draw.draw(0) == ()
    assert draw_of([]).draw(4) == ()


def test_outcomes_stand_in_any_order() -> None:
    draw = draw_of(pool_of(8, 8))
    orders = {tuple(demo.outputs["sentiment"] for demo in draw.draw(4)) for _ in range(200)}
    assert len(orders) == 6


def test_what_is_shown_already_is_not_drawn() -> None:
    pool = pool_of(4, 4)
    draw, shown = draw_of(pool), pool[:3]
    drawn = draw.draw(8, without=shown)
    assert len(drawn) == 5
    assert not any(demo in shown for demo in drawn)


def test_where_only_answers_are_wanted_nothing_abstains() -> None:
    pool = [
        Demo(inputs={"question": f"Who {number}?", "context": "Anne."}, outputs={"answer": answer})
        for number in range(6)
        for answer in ("Anne", Unanswerable())
    ]
    draw = DemoSampler(QA, pool, rng=random.Random(0))
    answers = [demo.outputs["answer"] for demo in draw.draw(12, answered=True)]
    assert answers == ["Anne"] * 6
    both = [demo.outputs["answer"] for demo in draw.draw(4)]
    assert sum(isinstance(answer, Unanswerable) for answer in both) == 2


def test_the_same_seed_draws_the_same_sets() -> None:
    def drawn(seed: int) -> list[tuple[Demo, ...]]:
        pool = pool_of(8, 8)
        draw, sets = draw_of(pool, seed=seed), []
        for number in range(20):
            sets.append(draw.draw(4))
            draw.learn(sets[-1], number % 3 / 2, kind="plain")
        return sets

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_demos_from_elsewhere_are_learnt_nothing_of() -> None:
    pool = pool_of(2, 2)
    draw, stranger = draw_of(pool), review("from elsewhere")
    draw.learn([stranger, pool[0]], 1.0, kind="plain")
    draw.learn([pool[1]], 0.0, kind="plain")
    assert draw.effect(stranger) == 0
    assert draw.effect(pool[0]) > 0 > draw.effect(pool[1])


# A pool that covers the inputs

FILMS = [f"The film of {name} has a plot, actors, and a camera" for name in ("Ann", "Bob", "Cem", "Dee", "Eve")]
FOOD = ["The soup needs salt, pepper and bread", "Soup with bread, salt and no pepper"]
ROADS = ["A bus on the motorway broke down", "Our bus broke down on a motorway"]
CHINESE = {
    "films": ["这部电影的剧情很好看", "这部电影的演员很好看", "电影剧情和演员都很好看", "剧情好看的电影和演员"],
    "food": ["汤里的盐放得太多了", "这碗汤的盐太多了"],
    "roads": ["高速公路上的客车坏了", "客车在高速公路上坏了"],
}


def covered(texts: Sequence[str], *, size: int) -> list[object]:
    demos = [review(text) for text in texts]
    return [demo.inputs["text"] for demo in covering(SENTIMENT, demos, size=size, rng=random.Random(0))]


def test_a_pool_spreads_over_unlike_inputs() -> None:
    found = covered([*FILMS, *FOOD, *ROADS], size=3)
    assert [sum(text in kind for text in found) for kind in (FILMS, FOOD, ROADS)] == [1, 1, 1]


def test_chinese_inputs_are_told_apart_too() -> None:
    found = covered([text for texts in CHINESE.values() for text in texts], size=3)
    assert [sum(text in kind for text in found) for kind in CHINESE.values()] == [1, 1, 1]


def test_what_resembles_most_comes_first() -> None:
    assert covered([*ROADS, *FILMS, *FOOD], size=1)[0] in FILMS


def test_a_pool_spreads_over_outcomes() -> None:
    demos = [review(text, "negative" if number % 5 == 0 else "positive") for number, text in enumerate(FILMS * 4)]
    assert sentiments(covering(SENTIMENT, demos, size=6, rng=random.Random(0))) == {"positive": 3, "negative": 3}


def test_no_demo_is_in_a_pool_twice_and_there_are_no_more_than_there_are() -> None:
    texts = [*FILMS, *FOOD]
    assert sorted(map(str, covered(texts, size=20))) == sorted(texts)
    assert covered([], size=5) == []


def test_inputs_without_a_word_are_no_trouble() -> None:
    assert len(covered(["!?", "…", "", "plain words"], size=3)) == 3


def test_a_pool_out_of_many_demos_is_the_same_again() -> None:
    demos = [review(f"{text} {number}") for number in range(200) for text in (*FILMS, *ROADS)]
    first, again = (covering(SENTIMENT, demos, size=8, rng=random.Random(5)) for _ in range(2))
    assert first == again
    assert len(first) == 8
