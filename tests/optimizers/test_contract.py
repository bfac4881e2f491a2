"""What every optimizer keeps to; a new file in optimizers/ is tested as it is added."""

import re
from pathlib import Path

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.workspace import builtin
from studies import search, study_of

optimizers = pytest.mark.parametrize("name", list(builtin().optimizers()))


@optimizers
def test_it_leaves_a_best_trial(tmp_path: Path, name: str) -> None:
    best = search(name, study_of(tmp_path, budget="1500calls")).best
    assert best is not None
    assert best.rows >= 16


@optimizers
def test_it_stops_where_the_budget_does(tmp_path: Path, name: str) -> None:
    study = search(name, study_of(tmp_path, budget="60calls"))
    assert study.ledger.spent <= 60
    assert study.best is not None


@optimizers
def test_what_a_short_budget_paid_for_counts(tmp_path: Path, name: str) -> None:
    study = search(name, study_of(tmp_path, budget="24calls"))
    assert study.best is not study.trials[0]  # the baseline, which scores at chance


@pytest.mark.slow
@optimizers
def test_a_seed_gives_the_same_search(tmp_path: Path, name: str) -> None:
    found = [search(name, study_of(tmp_path, budget="500calls", seed=4)) for _ in range(2)]
    assert found[0].curve == found[1].curve
    assert [trial.candidate for trial in found[0].trials] == [trial.candidate for trial in found[1].trials]


@pytest.mark.slow
@optimizers
def test_an_origin_tells_how_many_demos_there_are_even_if_the_pool_has_fewer_than_were_wanted(
    tmp_path: Path, name: str
) -> None:
    study = study_of(tmp_path, budget="500calls")
    study.pools = {BARE: study.pools[BARE][:3]}
    for trial in search(name, study).trials:
        told = re.search(r"(\d+) demos?\b", trial.candidate.origin)
        assert told is None or int(told[1]) == len(trial.candidate.prompts[BARE].demos)


@pytest.mark.slow
@optimizers
def test_it_shows_demos_of_the_pool_alone_and_none_twice(tmp_path: Path, name: str) -> None:
    study = search(name, study_of(tmp_path, budget="1500calls"))
    pool = set(map(repr, study.pools[BARE]))
    for trial in study.trials:
        shown = [repr(demo) for demo in trial.candidate.prompts[BARE].demos]
        assert set(shown) <= pool
        assert len(set(shown)) == len(shown)
