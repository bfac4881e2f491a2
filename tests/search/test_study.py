"""A study knows what was tried, and what is best so far."""

from itertools import pairwise

import pytest

from cribsheet.budget import BudgetExhausted
from cribsheet.errors import CompileError
from studies import arena, fighter


def test_the_best_of_as_many_rows_is_the_one_with_the_best_rows() -> None:
    study = arena()
    assert study.best is None
    for skill in (60, 90, 75):
        study.extend(study.trial(fighter(study, skill)), 24)
    assert study.best is study.trials[1]


def test_few_lucky_rows_do_not_make_the_best() -> None:
    study = arena()
    steady, lucky = study.trial(fighter(study, 80)), study.trial(fighter(study, 82))
    study.extend(steady, len(study.val))
    study.extend(lucky, 2)
    assert study.best is steady


def test_the_curve_has_a_point_for_each_change_of_the_best_score() -> None:
    study = arena()
    for skill in (20, 95):
        study.extend(study.trial(fighter(study, skill)), 48)
    spent, scores = zip(*study.curve, strict=True)
    assert list(spent) == sorted(spent)
    assert all(one != following for one, following in pairwise(scores))
    best = study.best
    assert best is not None
    assert scores[-1] == round(best.mean, 4)


def test_rows_that_were_answered_when_the_budget_ends_count() -> None:
    study = arena(budget="30calls")
    trial = study.trial(fighter(study, 80))
    with pytest.raises(BudgetExhausted):
        study.extend(trial, len(study.val))
    assert trial.rows == study.ledger.spent == 30
    assert study.best is trial


def test_a_candidate_that_does_not_fit_the_window_is_refused_with_its_size() -> None:
    study = arena(context_window=64)
    long = fighter(study, 80, note="word " * 80)
    assert not study.fits(long)
    with pytest.raises(CompileError, match="context window of 64"):
        study.trial(long)
