"""A compile with a teacher: its demos join, its traces are kept and reused, the file names it."""

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

import cribsheet
from cribsheet import Task, label_accuracy
from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.errors import CompileError, DataError, ModelError, TransientError
from cribsheet.frozen.sealing import read, save
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import Workspace, new_workspace
from toys import BAD, GOOD, sentiment_rows, student_model, write_rows


class Sentiment(dspy.Signature):
    """Say whether the text is negative or positive."""

    text: str = dspy.InputField()
    sentiment: str = dspy.OutputField()


class Find(dspy.Signature):
    """Write the word of the text that judges."""

    text: str = dspy.InputField()
    opinion: str = dspy.OutputField()


class Judge(dspy.Signature):
    """Say whether the word is negative or positive."""

    opinion: str = dspy.InputField()
    sentiment: str = dspy.OutputField()


class TwoSteps(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.find = dspy.Predict(Find)
        self.judge = dspy.Predict(Judge)

    def forward(self, text: str) -> dspy.Prediction:
        return self.judge(opinion=self.find(text=text).opinion)


def knows(prompt: Prompt, sampling: Sampling) -> str:
    """Answer either step, and reason where it is asked to."""
    text = prompt.full_text
    cue = "Text:" if "Text:" in text else "Opinion:"
    last = text.rsplit(cue, 1)[-1]
    word = next((word for word in (*GOOD, *BAD) if word in last), "nothing")
    finds = cue == "Text:" and "opinion" in text.lower()
    said = word if finds else "positive" if word in GOOD else "negative"
    if "Reasoning:" in last:
        return f" It was {word}.\n{'Opinion' if finds else 'Sentiment'}: {said}"
    return f" {said}"


def big() -> ScriptedModel:
    return ScriptedModel(knows, name="big/teacher")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    write_rows(made.root / "trainsets" / "toy.jsonl", sentiment_rows())
    return made


def compiled(workspace: Workspace, *, program: Any = Sentiment, student: Any = None, **options: Any) -> Compiled:
    teacher = options.pop("opened", None)
    settings = Settings(**{"budget": "1200calls", "optimizer": "bootstrap", **options})
    task = Task(program, metric=label_accuracy, trainset="toy.jsonl")
    model = student or ScriptedModel(knows, name="scripted/student")
    return compile_task(task, settings, workspace=workspace, model=model, teacher=teacher)


def test_the_file_names_the_teacher_and_counts_its_traces(workspace: Workspace) -> None:
    program = compiled(workspace, opened=big()).program
    assert program.provenance.taught is not None
    assert program.provenance.taught.teacher == "big/teacher"
    assert program.provenance.taught.traces > 30
    save(program, workspace.root / "toy.prompt.json")
    assert read(workspace.root / "toy.prompt.json") == program


@pytest.mark.slow
def test_without_a_teacher_nothing_is_bootstrapped_where_rows_have_all_fields(workspace: Workspace) -> None:
    assert compiled(workspace, optimizer="race").program.provenance.taught is None


@pytest.mark.slow
def test_the_teachers_calls_are_counted_and_cached_with_the_others(workspace: Workspace) -> None:
    first, teacher = compiled(workspace, opened=big()), big()
    second = compiled(workspace, opened=teacher)
    assert first.program == second.program
    assert teacher.calls == []
    assert second.meter.calls == 0
    assert first.meter.calls <= 1200


@pytest.mark.slow
def test_traces_are_kept_and_reused_in_place_of_asking(workspace: Workspace) -> None:
    path = workspace.root / "kept" / "t.jsonl"
    first = compiled(workspace, opened=big(), traces=path)
    teacher = big()
    second = compiled(workspace, opened=teacher, traces=path)
    assert teacher.calls == []
    assert second.program.provenance.taught == first.program.provenance.taught
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == first.program.provenance.taught.traces  # type: ignore[union-attr]


def test_without_a_place_for_them_no_traces_are_written(workspace: Workspace) -> None:
    compiled(workspace, opened=big())
    assert list(workspace.root.rglob("*.jsonl")) == [workspace.root / "trainsets" / "toy.jsonl"]


@pytest.mark.slow
def test_after_another_split_saved_traces_of_held_out_rows_are_ignored_with_a_note(workspace: Workspace) -> None:
    path = workspace.root / "t.jsonl"
    before = compiled(workspace, opened=big(), traces=path).program
    program = compiled(workspace, traces=path, seed=1).program
    assert any("saved traces were ignored" in note for note in program.notes)
    assert 0 < program.provenance.taught.traces < before.provenance.taught.traces  # type: ignore[union-attr]


def test_traces_of_another_teacher_than_the_one_asked_for_are_refused(workspace: Workspace) -> None:
    path = workspace.root / "t.jsonl"
    compiled(workspace, opened=big(), traces=path)
    with pytest.raises(CompileError, match="holds traces of big/teacher, not only of openai/other"):
        compiled(workspace, teacher="openai/other", traces=path)


def test_a_damaged_file_of_traces_is_refused_before_anything_is_asked(workspace: Workspace) -> None:
    path = workspace.root / "t.jsonl"
    path.write_text("{}\n")
    student = student_model()
    with pytest.raises(DataError, match=r"t\.jsonl, line 1: no trace: row"):
        compiled(workspace, student=student, traces=path)
    assert student.calls == []


def test_a_teacher_that_never_answers_ends_the_compile_in_words(workspace: Workspace) -> None:
    def gone(prompt: Prompt, sampling: Sampling) -> str:
        raise TransientError("The server failed with status 500.")

    with pytest.raises(ModelError, match="big/teacher failed in each of the first"):
        compiled(workspace, opened=ScriptedModel(gone, name="big/teacher"))


def test_the_student_named_as_its_own_teacher_is_not_opened_twice(workspace: Workspace) -> None:
    program = compiled(workspace, teacher="scripted/student", samples=1).program
    assert program.provenance.taught is not None
    assert program.provenance.taught.teacher == "scripted/student"


@pytest.mark.slow
def test_a_program_of_two_predictors_that_reason_is_compiled_and_runs(workspace: Workspace) -> None:
    def reasons_or_fails(prompt: Prompt, sampling: Sampling) -> Completion | str:
        return knows(prompt, sampling) if "Reasoning:" in prompt.full_text[-20:] else " nothing"

    student = ScriptedModel(reasons_or_fails, name="scripted/student")
    program = compiled(
        workspace, program=TwoSteps, student=student, opened=big(), reasoning=True, budget="3000calls"
    ).program
    assert program.results.compiled.score == 1
    assert all(prompt.reasoning for prompt in program.prompts.values())
    assert program.wiring is not None
    answer = cribsheet.Program(program, model=student)(text="The tram was superb.")
    assert answer.toDict() == {"sentiment": "positive"}
