"""The race spends its rows on what may win."""

from pathlib import Path
from statistics import fmean

from cribsheet.bridge import BARE
from cribsheet.search.stage import first_block
from studies import search, study_of


def test_it_ends_better_than_it_began(tmp_path: Path) -> None:
    study = search("race", study_of(tmp_path, budget="1500calls"))
    best = study.best
    assert best is not None
    assert best.mean > study.trials[0].mean + 0.2
    assert best.candidate.prompts[BARE].demos


def test_good_candidates_get_more_rows_than_bad_ones(tmp_path: Path) -> None:
    study = search("race", study_of(tmp_path, budget="1500calls"))
    raced = sorted(study.trials[1:], key=lambda trial: fmean(trial.merits[: first_block(study)]))
    third = len(raced) // 3
    low, high = raced[:third], raced[-third:]
    assert sum(trial.rows for trial in high) > sum(trial.rows for trial in low)


def test_no_candidate_is_entered_twice(tmp_path: Path) -> None:
    study = search("race", study_of(tmp_path, budget="3000calls"))
    keys = [trial.candidate.key for trial in study.trials]
    assert len(set(keys)) == len(keys)


def test_a_larger_budget_tries_more(tmp_path: Path) -> None:
    few, many = (search("race", study_of(tmp_path, budget=budget)) for budget in ("400calls", "1600calls"))
    assert len(many.trials) > len(few.trials)
