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

    def stage(self, text: str) -> None:
        """Begin a list for the stage."""
        self.bests[text] = []

    def advance(self, *, spent: float, limit: float, best: float | None) -> None:
        """Add to the list of the last stage."""
        list(self.bests.values())[-1].append(best)


def test_no_best_score_is_told_of_before_there_is_one() -> None:
    study = arena()
    study.progress = heard = Heard()
    study.advance()
    study.extend(study.trial(fighter(study, 100)), 8)
    assert heard.bests[""] == [None, 1.0]
    assert study.curve == [(study.ledger.tokens, 1.0)]


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
