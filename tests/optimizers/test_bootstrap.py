"""Bootstrapped, labelled and reasoning demo sets are compared, and the best one stays."""

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.models import Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.bootstrap.teaching import TeacherSettings
from cribsheet.search.race import FIRST_BLOCK
from cribsheet.search.study import Study
from lessons import lesson, right, row_asked, rows_of
from studies import search


def teacher(prompt: Prompt, sampling: Sampling) -> str:
    said = right(row_asked(prompt))
    return f" So it is.\nSentiment: {said}" if "Reasoning:" in prompt.full_text else f" {said}"


def answers_after_reasoning(prompt: Prompt, sampling: Sampling) -> str:
    """Be right where it reasons, else by chance."""
    return teacher(prompt, sampling) if "Reasoning:" in prompt.full_text else " positive"


def answers_at_once(prompt: Prompt, sampling: Sampling) -> str:
    """Be wrong where it reasons."""
    return " So it is.\nSentiment: positive" if "Reasoning:" in prompt.full_text else teacher(prompt, sampling)


def is_silent_at_once(prompt: Prompt, sampling: Sampling) -> str:
    """Be right where it reasons, else say nothing that can be read."""
    return teacher(prompt, sampling) if "Reasoning:" in prompt.full_text else " nothing"


def study_of(student: object, *, val: int = 20) -> Study:
    study = lesson(student, rows=12, budget="2000calls")  # type: ignore[arg-type]
    study.teacher_settings = TeacherSettings(teacher=ScriptedModel(teacher, name="big/teacher"), reasoning=True)
    study.val = rows_of(val, start=50)
    return search("bootstrap", study)


@pytest.mark.slow
@pytest.mark.parametrize(("student", "reasons"), [(answers_after_reasoning, True), (answers_at_once, False)])
def test_reasoning_is_kept_where_it_helps_and_only_there(student: object, reasons: bool) -> None:
    best = study_of(student).best
    assert best is not None
    assert best.mean == 1
    assert best.candidate.prompts[BARE].reasoning == reasons


def test_losers_answer_fewer_rows() -> None:
    study = study_of(is_silent_at_once, val=40)
    plain = [trial.rows for trial in study.trials if not trial.candidate.prompts[BARE].reasoning]
    assert max(plain) == FIRST_BLOCK < len(study.val)
    assert study.best is not None
    assert study.best.rows == len(study.val)


def test_sets_mix_bootstrapped_and_labelled_demos() -> None:
    study = lesson(answers_at_once, rows=12, budget="2000calls")
    study.train = study.train[:6]
    study.teacher_settings = TeacherSettings(teacher=ScriptedModel(teacher), rows=2, samples=1)
    search("bootstrap", study)
    origins = {trial.candidate.origin for trial in study.trials}
    assert "no demos" in origins
    assert any(origin.endswith("demos, 2 bootstrapped") for origin in origins)
    assert any(origin.endswith(", 0 bootstrapped") for origin in origins)
    for trial in study.trials:
        texts = [demo.inputs["text"] for demo in trial.candidate.prompts[BARE].demos]
        assert len(set(texts)) == len(texts)
        assert trial.candidate.origin.startswith((f"{len(texts)} demo", "no demos"))
