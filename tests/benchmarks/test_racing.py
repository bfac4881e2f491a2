"""Races beside evaluating all, on the toy model of the benchmark."""

from dataclasses import replace
from pathlib import Path

import pytest

from cribsheet.models.cache import CompletionCache, Meter
from racing import MOST_SHARE, Heat, Track, allowance_of, figures_of
from racing_toy import toy_model, toy_rows
from toys import SENTIMENT

HEAT = Heat(
    seed=0,
    mean=0.7,
    best=0.9,
    settled=0.9,
    chosen=0.89,
    entered=8,
    rows=80,
    all_tokens=1000,
    race_tokens=250,
    race_prompt_tokens=1250,
)


@pytest.fixture
def track() -> Track:
    return Track(toy_model(), SENTIMENT, toy_rows(), candidates=8, answered=200)


@pytest.mark.slow
def test_a_race_takes_a_part_of_the_tokens_and_is_judged_on_all_rows(track: Track, tmp_path: Path) -> None:
    heat = track.heat(0, CompletionCache(tmp_path))
    assert heat.entered == 8
    assert heat.share <= MOST_SHARE
    assert heat.mean < heat.chosen <= heat.best
    assert heat.settled <= heat.best


@pytest.mark.slow
def test_a_race_from_the_cache_is_the_race_that_asks(track: Track, tmp_path: Path) -> None:
    heat = track.heat(1, CompletionCache(tmp_path))
    meter = Meter()
    race = track.race(1, CompletionCache(tmp_path / "empty"), meter, allowance=allowance_of(heat.all_tokens))
    assert race.ledger.tokens == heat.race_tokens
    assert meter.cached_calls == 0


def test_a_limit_holds_where_the_median_is_on_it() -> None:
    assert all(figure.holds for figure in figures_of([HEAT, HEAT, replace(HEAT, chosen=0.5)], by_engine=0.8))


@pytest.mark.parametrize("worse", [{"chosen": 0.88}, {"race_tokens": 251}, {"race_prompt_tokens": 1200}])
def test_a_median_beyond_its_limit_does_not_hold(worse: dict[str, float]) -> None:
    assert not all(figure.holds for figure in figures_of([replace(HEAT, **worse)], by_engine=None))
