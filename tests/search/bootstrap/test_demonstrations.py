"""Demos of a teacher join the pools; saved traces are taken for rows of the demo pool alone."""

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.traces import Trace
from cribsheet.models import Sampling
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.bootstrap.demonstrations import bootstrap_demos, bootstrap_if_needed, bootstrapped
from cribsheet.search.bootstrap.teaching import TeacherSettings
from lessons import lesson, right, row_asked, rows_of


def trace_of(number: int, *, score: float = 1.0, **outputs: str) -> Trace:
    (row,) = rows_of(1, start=number)
    given = {"sentiment": row.values["sentiment"], **outputs}
    return Trace.model_validate(
        {
            "row": row.id,
            "predictor": BARE,
            "inputs": {"text": row.values["text"]},
            "outputs": given,
            "score": score,
            "teacher": "big/teacher",
            "sample": 0,
        }
    )


def test_nothing_is_bootstrapped_if_rows_have_all_fields_and_nobody_asked() -> None:
    study = lesson()
    bootstrap_if_needed(study)
    assert study.teacher_runs is None
    assert study.ledger.spent == 0


def test_what_rows_lack_comes_from_the_student() -> None:
    study = lesson(lambda prompt, sampling: " w" if "Word:" in prompt.full_text[-6:] else " positive", is_chain=True)
    bootstrap_if_needed(study)
    assert all(study.pools.values())
    assert study.teacher_runs is not None
    assert study.teacher_runs.teachers == "scripted/student"


def test_demos_that_the_rows_have_already_are_not_in_the_pool_twice() -> None:
    study = lesson()
    before = study.pools[BARE]
    teacher = ScriptedModel(lambda prompt, sampling: f" {right(row_asked(prompt))}")
    bootstrap_demos(study, TeacherSettings(teacher=teacher, share=1.0))
    assert len(bootstrapped(study, BARE)) == 6
    assert study.pools[BARE] == before


def test_it_is_done_once_a_study() -> None:
    teacher = ScriptedModel(lambda prompt, sampling: " positive")
    study = lesson()
    study.teacher_settings = TeacherSettings(teacher=teacher, share=1.0, samples=1)
    assert bootstrap_demos(study) is bootstrap_demos(study)
    assert len(teacher.calls) == 6


def test_a_teacher_is_shown_labelled_demos_but_never_the_row_itself() -> None:
    def looks(prompt: Prompt, sampling: Sampling) -> str:
        assert prompt.full_text.count(f"text {row_asked(prompt)}") == 1
        assert 3 <= prompt.full_text.count("Text: ") - 1 <= 4
        return " positive"

    bootstrap_demos(lesson(), TeacherSettings(teacher=ScriptedModel(looks), share=1.0, samples=1))


def test_demos_that_do_not_fit_the_teachers_window_are_not_shown() -> None:
    teacher = ScriptedModel(lambda prompt, sampling: " positive", context_window=62)
    assert bootstrap_demos(lesson(), TeacherSettings(teacher=teacher, share=1.0, samples=1)).failed == 0


def test_saved_traces_of_other_rows_than_the_demo_pools_are_ignored_with_a_note() -> None:
    study = lesson(rows=4)
    held_out = study.val[0]
    saved = [trace_of(0), trace_of(1, score=0.5), trace_of(50)]
    assert saved[2].row == held_out.id
    found = bootstrap_demos(study, TeacherSettings(saved=saved))
    assert [trace.inputs["text"] for trace in found.traces] == ["text 10"]
    assert "2 saved traces were ignored" in found.notes[0]
    assert study.ledger.spent == 0
    assert held_out.values["text"] not in repr(study.pools)


def test_wanted_rationales_that_saved_traces_lack_are_told_of() -> None:
    found = bootstrap_demos(lesson(), TeacherSettings(saved=[trace_of(0)], reasoning=True))
    assert "no rationales" in found.notes[0]


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_model_teaches_at_a_temperature(smollm: EmbeddedModel) -> None:
    found = bootstrap_demos(lesson(rows=2), TeacherSettings(teacher=smollm, share=1.0, samples=2, reasoning=True))
    assert found.tried >= 4
    assert found.failed == 0
