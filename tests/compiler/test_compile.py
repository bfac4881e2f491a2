"""A compile is reproducible, keeps to its budget, and fails in words."""

import os
import signal
import threading
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest

import cribsheet
from cribsheet import Task, answer_f1, label_accuracy
from cribsheet.compiler.bridge import DspyProgram
from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.corrections import Calibration
from cribsheet.errors import (
    BudgetError,
    CompileError,
    CribsheetError,
    DataError,
    MetricError,
    ModelError,
    SignatureError,
)
from cribsheet.frozen.sealing import to_text
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import Workspace, new_workspace
from toys import BAD, GOOD, NOUNS, sentiment_rows, student, student_model, write_rows


class Sentiment(dspy.Signature):
    """Say whether the text is negative or positive."""

    text: str = dspy.InputField()
    sentiment: Literal["negative", "positive"] = dspy.OutputField()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    write_rows(made.root / "trainsets" / "toy.jsonl", sentiment_rows())
    return made


TOY = Task(Sentiment, metric=label_accuracy, trainset="toy.jsonl")


def compiled(workspace: Workspace, *, task: Task = TOY, model: Model | None = None, **settings: Any) -> Compiled:
    options = Settings(**{"budget": "900calls", **settings})
    return compile_task(task, options, workspace=workspace, model=model or student_model())


def test_the_race_beats_the_zero_shot_prompt_on_rows_it_never_saw(workspace: Workspace) -> None:
    results = compiled(workspace).program.results
    assert results.gain.low > 0
    assert results.compiled.n == results.baseline.n >= 30


@pytest.mark.slow
@pytest.mark.parametrize("budget", ["150calls", "900calls"])
def test_what_the_budget_left_unscored_is_noted(workspace: Workspace, budget: str) -> None:
    program = compiled(workspace, budget=budget).program
    whole = compiled(workspace).program.results.compiled.n
    cut = program.results.compiled.n < whole
    assert cut is (budget == "150calls")
    assert any(f"The budget paid for {program.results.compiled.n} of the " in note for note in program.notes) is cut
    assert any("did not pay for the score as text" in note for note in program.notes) is (
        "text" not in program.results.carriages
    )


def test_rows_that_contradict_each_other_are_noted(workspace: Workspace) -> None:
    rows = sentiment_rows()
    opposite = {"positive": "negative", "negative": "positive"}
    contrary = {**rows[0], "sentiment": opposite[rows[0]["sentiment"]]}
    write_rows(workspace.root / "trainsets" / "toy.jsonl", [*rows, contrary])
    (note,) = (one for one in compiled(workspace, budget="150calls").program.notes if "different labels" in one)
    assert f"rows 1, {len(rows) + 1} " in note


def test_the_same_compile_gives_the_same_bytes_without_asking_the_model_again(workspace: Workspace) -> None:
    first = compiled(workspace)
    model = student_model()
    second = compiled(workspace, model=model)
    assert to_text(first.program) == to_text(second.program)
    assert model.calls == []
    assert second.meter.calls == 0 < second.meter.cached_calls


@pytest.mark.slow
def test_a_compile_whose_server_died_ends_the_same_and_pays_only_for_what_was_missing(
    workspace: Workspace, tmp_path: Path
) -> None:
    whole = compiled(workspace)
    other = new_workspace(tmp_path / "other")
    write_rows(other.root / "trainsets" / "toy.jsonl", sentiment_rows())
    asked = 0

    def dies(prompt: Prompt, sampling: Sampling) -> Completion:
        nonlocal asked
        asked += 1
        if asked > 300:
            raise ModelError("the server died")
        return student(prompt, sampling)

    with pytest.raises(ModelError):
        compiled(other, model=ScriptedModel(dies, name="scripted/student"))
    resumed = compiled(other)
    assert to_text(resumed.program) == to_text(whole.program)
    assert resumed.meter.calls == whole.meter.calls - 300


@pytest.mark.slow
def test_another_seed_is_another_split(workspace: Workspace) -> None:
    one, two = (compiled(workspace, seed=seed).program.provenance.splits for seed in (0, 1))
    assert one["test"] != two["test"]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["zero_shot", "labeled", "bootstrap", "race"])
def test_what_a_compile_and_its_teacher_asked_is_what_it_says_it_spent(workspace: Workspace, optimizer: str) -> None:
    tokens = 0

    def uncached(prompt: Prompt, sampling: Sampling) -> Completion:
        nonlocal tokens
        said = student(prompt, sampling)
        usage = said.usage.model_copy(update={"cached_tokens": None})
        tokens += usage.prompt_tokens + usage.completion_tokens
        return said.model_copy(update={"usage": usage})

    pupil, teacher = (ScriptedModel(uncached, name=f"scripted/{name}") for name in ("student", "teacher"))
    options = Settings(budget="20k", optimizer=optimizer)
    found = compile_task(TOY, options, workspace=workspace, model=pupil, teacher=teacher)
    assert teacher.calls
    assert found.program.provenance.spent_tokens == tokens
    assert found.meter.calls == len(pupil.calls) + len(teacher.calls)
    assert found.meter.cached_calls == 0


@pytest.mark.slow
@pytest.mark.parametrize("budget", ["200calls", "450calls", "9k"])
def test_a_budget_is_never_exceeded(workspace: Workspace, budget: str) -> None:
    done = compiled(workspace, budget=budget)
    if budget.endswith("calls"):
        assert done.meter.calls <= int(budget.removesuffix("calls"))
    assert done.program.provenance.spent_tokens <= 9000 or budget != "9k"


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["zero_shot", "labeled", "race"])
def test_every_optimizer_freezes_a_program_that_runs(workspace: Workspace, optimizer: str) -> None:
    program = compiled(workspace, optimizer=optimizer).program
    assert program.provenance.optimizer == optimizer
    answer = cribsheet.Program(program, model=student_model())(text="The tram was superb.")
    assert answer.sentiment in ("negative", "positive")
    assert program.prompts["predict"].correction(Calibration) is not None


@pytest.mark.slow
def test_demos_come_from_the_demo_pool_alone(workspace: Workspace) -> None:
    from cribsheet.dataset.rows import load_rows
    from cribsheet.dataset.splits import split

    program = compiled(workspace).program
    signature = program.prompts["predict"].signature
    splits = split(load_rows(workspace.trainset("toy.jsonl"), signature), signature, seed=0)
    shown = {demo.inputs["text"] for demo in program.prompts["predict"].demos}
    assert shown <= {row.values["text"] for row in splits.train}
    assert splits.hashes == dict(program.provenance.splits)


def test_where_no_logprobs_are_told_outcomes_are_read_from_the_text_and_the_file_says_so(
    workspace: Workspace,
) -> None:
    def silent(prompt: Prompt, sampling: Sampling) -> Completion:
        return student(prompt, sampling).model_copy(update={"first_token": None})

    program = compiled(workspace, model=ScriptedModel(silent, name="scripted/silent")).program
    assert program.prompts["predict"].decoding.decide_by == "text"
    assert program.prompts["predict"].correction(Calibration) is None
    assert any("log-probabilities" in note for note in program.notes)


def test_ctrl_c_freezes_the_best_so_far(workspace: Workspace) -> None:
    asked = 0

    def interrupted(prompt: Prompt, sampling: Sampling) -> Completion:
        nonlocal asked
        asked += 1
        if asked == 200:
            os.kill(os.getpid(), signal.SIGINT)
        return student(prompt, sampling)

    assert threading.current_thread() is threading.main_thread()
    program = compiled(workspace, model=ScriptedModel(interrupted, name="scripted/student")).program
    assert program.provenance.interrupted
    assert program.results.compiled.n > 0


def test_a_second_ctrl_c_freezes_the_best_so_far_without_asking_for_more(workspace: Workspace) -> None:
    asked = 0

    def interrupted(prompt: Prompt, sampling: Sampling) -> Completion:
        nonlocal asked
        asked += 1
        if asked == 200:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return student(prompt, sampling)

    program = compiled(workspace, model=ScriptedModel(interrupted, name="scripted/student")).program
    assert asked == 200
    assert program.provenance.interrupted
    assert program.results.rows == "valset"
    assert program.results.compiled.n == program.results.baseline.n == program.results.gain.n == 16
    assert any("16 validation rows" in note and "cribsheet evaluate" in note for note in program.notes)


def test_ctrl_c_before_anything_was_answered_leaves_nothing_to_freeze(workspace: Workspace) -> None:
    def interrupted(prompt: Prompt, sampling: Sampling) -> Completion:
        os.kill(os.getpid(), signal.SIGINT)
        return student(prompt, sampling)

    with pytest.raises(KeyboardInterrupt):
        compiled(workspace, model=ScriptedModel(interrupted, name="scripted/student"))


def test_a_third_ctrl_c_ends_the_compile(workspace: Workspace) -> None:
    asked = 0

    def interrupted(prompt: Prompt, sampling: Sampling) -> Completion:
        nonlocal asked
        asked += 1
        for _ in range(3 if asked == 200 else 0):
            os.kill(os.getpid(), signal.SIGINT)
        return student(prompt, sampling)

    with pytest.raises(KeyboardInterrupt):
        compiled(workspace, model=ScriptedModel(interrupted, name="scripted/student"))


# Two predictors: one finds the opinion word, the other judges it.


class FindOpinion(dspy.Signature):
    """Write the word of the text that judges."""

    text: str = dspy.InputField()
    opinion: str = dspy.OutputField()


class Judge(dspy.Signature):
    """Say whether the word is negative or positive."""

    opinion: str = dspy.InputField()
    sentiment: Literal["negative", "positive"] = dspy.OutputField()


class TwoSteps(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.find = dspy.Predict(FindOpinion)
        self.judge = dspy.Predict(Judge)

    def forward(self, text: str) -> dspy.Prediction:
        return self.judge(opinion=self.find(text=text).opinion)


class Shouting(TwoSteps):
    def forward(self, text: str) -> dspy.Prediction:
        return self.judge(opinion=self.find(text=text).opinion.upper())


def two_step_student(prompt: Prompt, sampling: Sampling) -> Completion:
    """Find the word only where a demo shows how, judge as the student does."""
    text = prompt.full_text
    if "judges" in text or "Opinion:" in text.rsplit("\n", 1)[-1] or "opinion" in text.rsplit("\n", 1)[-1]:
        last = text[text.rfind("The ") :]
        word = next((word for word in (*GOOD, *BAD) if word in last), "nothing")
        return Completion(text=f" {word}" if "raw" not in text else "")
    last = text.rsplit("pinion", 1)[-1].lower()
    good = any(word in last for word in GOOD)
    first = {" positive": -0.1 if good else -2.5, " negative": -2.5 if good else -0.1}
    return Completion(text=" positive" if good else " negative", first_token=first if sampling.top_logprobs else None)


@pytest.mark.slow
@pytest.mark.parametrize(("module", "wired"), [(TwoSteps, True), (Shouting, False)])
def test_a_program_of_two_predictors_is_optimized_frozen_and_run(
    workspace: Workspace, module: type[dspy.Module], wired: bool
) -> None:
    task = Task(module, metric=label_accuracy, trainset="toy.jsonl")
    model = ScriptedModel(two_step_student, name="scripted/two-steps")
    program = compiled(workspace, task=task, model=model, budget="2000calls").program
    assert set(program.prompts) == {"find", "judge"}
    assert program.results.compiled.score > 0.9
    assert (program.wiring is not None) == wired
    if wired:
        answer = cribsheet.Program(program, model=model)(text="The tram was superb.")
        assert answer.sentiment == "positive"
    else:
        run = DspyProgram(module()).run(program.prompts, {"text": "The tram was superb."}, model)
        assert [call.predictor for call in run.calls] == ["find", "judge"]
        with pytest.raises(CompileError, match="find, judge"):
            cribsheet.Program(program, model=model)(text="x")


# What goes wrong.


def always_nan(example: Any, prediction: Any, trace: object = None) -> float:
    return float("nan")


def always_raises(example: Any, prediction: Any, trace: object = None) -> float:
    raise KeyError("gold")


class Reserved(dspy.Signature):
    """Reserved."""

    demos: str = dspy.InputField()
    answer: str = dspy.OutputField()


class Unsupported(dspy.Signature):
    """Unsupported."""

    text: str = dspy.InputField()
    parts: dict[int, int] = dspy.OutputField()


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"task": Task(Sentiment, metric=always_nan, trainset="toy.jsonl")}, MetricError, "nan"),
        ({"task": Task(Sentiment, metric=always_raises, trainset="toy.jsonl")}, MetricError, "always_raises"),
        ({"task": Task(Reserved, metric=answer_f1, trainset="toy.jsonl")}, SignatureError, "'demos'"),
        ({"task": Task(Unsupported, metric=answer_f1, trainset="toy.jsonl")}, SignatureError, "Literal or Enum"),
        ({"task": Task(3, metric=answer_f1, trainset="toy.jsonl")}, CompileError, "dspy.Signature"),
        ({"task": Task(Sentiment, metric=label_accuracy, trainset="none.jsonl")}, DataError, "none.jsonl"),
        (
            {"budget": "40calls"},
            BudgetError,
            r"too small .* may take more than one call\. Give at least --budget \d+calls\.$",
        ),
        (
            {"budget": "50"},
            BudgetError,
            r"too small .* need \d+ answers, each .* to write\. Give at least --budget \dk\.$",
        ),
        ({"budget": "300"}, BudgetError, "too small for one candidate"),
        ({"budget": "plenty"}, BudgetError, "40k"),
        ({"optimizer": "luck"}, CribsheetError, "labeled, race, zero_shot"),
        ({"model": ScriptedModel(student, context_window=12)}, CompileError, "context window of 12"),
    ],
)
def test_what_cannot_be_compiled_says_why(
    workspace: Workspace, changes: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        compiled(workspace, **changes)


@pytest.mark.slow
def test_demos_that_do_not_fit_the_window_are_left_out_not_cut(workspace: Workspace) -> None:
    narrow = ScriptedModel(student, name="scripted/narrow", context_window=56)
    program = compiled(workspace, model=narrow).program
    assert 0 < len(program.prompts["predict"].demos) <= 6


@pytest.mark.slow
def test_a_program_that_crashes_on_a_row_loses_that_row_alone(workspace: Workspace) -> None:
    class Fragile(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.judge = dspy.Predict(Sentiment)

        def forward(self, text: str) -> dspy.Prediction:
            if NOUNS[0] in text:
                raise ZeroDivisionError("one row in twelve")
            return self.judge(text=text)

    program = compiled(workspace, task=Task(Fragile, metric=label_accuracy, trainset="toy.jsonl")).program
    assert 0.6 < program.results.compiled.score < 1


def test_a_program_that_crashes_from_some_row_on_ends_the_compile(workspace: Workspace) -> None:
    class Leaning(dspy.Module):
        """Asks a service that stops after a hundred rows."""

        def __init__(self) -> None:
            super().__init__()
            self.judge = dspy.Predict(Sentiment)
            self.rows = 0

        def forward(self, text: str) -> dspy.Prediction:
            self.rows += 1
            if self.rows > 100:
                raise ConnectionError("the service is gone")
            return self.judge(text=text)

    with pytest.raises(CompileError, match=r"last 96 rows.*the service is gone.*test_compile\.py, line"):
        compiled(workspace, task=Task(Leaning(), metric=label_accuracy, trainset="toy.jsonl"))
