"""Progress tells of a best score when there is one that the stage is about."""

from pathlib import Path

import pytest

from cribsheet.models.scripted import ScriptedModel
from cribsheet.search.bootstrap.demonstrations import bootstrap_demos
from cribsheet.search.bootstrap.teaching import TeacherSettings
from lessons import lesson
from studies import arena, fighter, search, study_of


class Heard:
    """Keeps, for each stage, the best scores that were told."""

    def __init__(self) -> None:
        self.bests: dict[str, list[float | None]] = {"": []}
        self.rows: list[int | None] = []

    def stage(self, text: str) -> None:
        """Begin a list for the stage."""
        self.bests[text] = []

    def advance(self, *, spent: float, limit: float, best: float | None, rows: int | None = None) -> None:
        """Add to the list of the last stage."""
        list(self.bests.values())[-1].append(best)
        self.rows.append(rows)


def test_no_best_score_is_told_of_before_there_is_one() -> None:
    study = arena()
    study.progress = heard = Heard()
    study.advance()
    study.extend(study.trial(fighter(study, 100)), 8)
    assert heard.bests[""] == [None, 1.0]
    assert heard.rows == [None, 8]
    assert study.curve == [(study.ledger.tokens, 1.0)]


def test_a_best_score_that_falls_is_told_with_the_rows_that_it_is_of() -> None:
    study = arena()
    study.progress = heard = Heard()
    trial = study.trial(fighter(study, 50))
    rights = [study.answer(trial.candidate, [row]).mean for row in study.val[:24]]
    lucky = next(number for number in range(1, 24) if sum(rights[:number]) / number > sum(rights) / 24)
    for rows in (lucky, 24):
        study.extend(trial, rows)
    first, second = heard.bests[""]
    assert first is not None
    assert second is not None
    assert first > second
    assert heard.rows == [lucky, 24]


@pytest.mark.slow
def test_a_stage_that_learns_on_other_rows_shows_no_score(tmp_path: Path) -> None:
    study = study_of(tmp_path, budget="1500calls")
    study.progress = heard = Heard()
    search("race", study)
    learning, racing = (
        next(bests for stage, bests in heard.bests.items() if stage.startswith(begins))
        for begins in ("learning", "racing")
    )
    assert set(learning) == {None}
    assert None not in racing


def test_bootstrapping_shows_no_score() -> None:
    study = lesson()
    study.progress = heard = Heard()
    study.extend(study.trial(study.zero_shot()), 4)
    bootstrap_demos(study, TeacherSettings(teacher=ScriptedModel(lambda *_: " positive"), samples=1))
    assert set(heard.bests["bootstrapping demonstrations"]) == {None}
