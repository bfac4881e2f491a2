"""A frozen program carries its guard, and the score without it."""

import random
import re
from typing import Any

import dspy
import pytest

import cribsheet
from cribsheet import Task, Unanswerable, answer_f1
from cribsheet.compiler.compile import Settings, compile_task
from cribsheet.corrections import Guard
from cribsheet.frozen import FrozenProgram
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import Workspace, new_workspace
from toys import write_rows

SUBJECTS = ("bridge", "river", "castle", "museum", "tunnel", "harbour", "garden", "school", "tower", "market")


class Opening(dspy.Signature):
    """Answer from the context alone."""

    question: str = dspy.InputField()
    context: str = dspy.InputField()
    answer: str | Unanswerable = dspy.OutputField()


class Sought(dspy.Signature):
    """Write the question anew."""

    asked: str = dspy.InputField()
    question: str = dspy.OutputField()


class TwoSteps(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rewrite = dspy.Predict(Sought)
        self.answer = dspy.Predict(Opening)

    def forward(self, asked: str, context: str) -> dspy.Prediction:
        return self.answer(question=self.rewrite(asked=asked).question, context=context)


def opening_rows(question: str) -> list[dict[str, Any]]:
    """Every other question is about something that the context does not mention."""
    rng = random.Random(0)
    rows = []
    for number in range(160):
        here, there = rng.sample(SUBJECTS, 2)
        rows.append(
            {
                question: f"When was the {here if number % 2 else there} opened?",
                "context": f"The {here} was opened in {1800 + number} by the mayor.",
                "answer": str(1800 + number) if number % 2 else {"unanswerable": None},
            }
        )
    return rows


def gullible(prompt: Prompt, sampling: Sampling) -> Completion:
    """Repeat a question that stands alone, else answer with the context's year, whatever is asked."""
    questions = list(re.finditer(r"When was the \w+ opened\?", prompt.full_text))
    years = list(re.finditer(r"opened in (\d+)", prompt.full_text))
    if questions and (not years or questions[-1].start() > years[-1].start()):
        return Completion(text=f" {questions[-1].group()}")
    year = years[-1].group(1) if years else "never"
    first = {f" {year}": -0.1, " un": -2.5}
    return Completion(text=f" {year}", first_token=first if sampling.top_logprobs else None, logprobs=(-0.1,))


@pytest.fixture
def workspace(tmp_path: Any) -> Workspace:
    return new_workspace(tmp_path / "ws")


def frozen(workspace: Workspace, program: Any, *, question: str = "question", guard: bool = True) -> FrozenProgram:
    write_rows(workspace.root / "trainsets" / "openings.jsonl", opening_rows(question))
    task = Task(program, metric=answer_f1, trainset="openings.jsonl", guard=guard)
    model = ScriptedModel(gullible, name="scripted/gullible")
    return compile_task(
        task, Settings(budget="1200calls", optimizer="labeled"), workspace=workspace, model=model
    ).program


def test_a_guarded_program_tells_its_score_without_the_guard(workspace: Workspace) -> None:
    program = frozen(workspace, Opening)
    assert program.prompts["predict"].correction(Guard) is not None
    assert program.results.compiled.score > 0.9
    assert program.results.uncorrected is not None
    assert program.results.uncorrected.score == pytest.approx(0.5, abs=0.15)
    asked = cribsheet.Program(program, model=ScriptedModel(gullible))
    context = "The castle was opened in 1900 by the mayor."
    assert asked(question="When was the castle opened?", context=context).answer == "1900"
    assert asked(question="When was the river opened?", context=context).answer == Unanswerable()


def test_a_task_can_do_without(workspace: Workspace) -> None:
    program = frozen(workspace, Opening, guard=False)
    assert program.prompts["predict"].correction(Guard) is None
    uncorrected = program.results.uncorrected  # with answers extracted or not
    assert uncorrected is None or uncorrected == program.results.compiled


def test_of_several_predictors_the_one_that_abstains_is_guarded(workspace: Workspace) -> None:
    program = frozen(workspace, TwoSteps, question="asked")
    assert program.prompts["rewrite"].correction(Guard) is None
    assert program.prompts["answer"].correction(Guard) is not None
    assert program.results.uncorrected is not None
    assert program.results.compiled.score > program.results.uncorrected.score + 0.3
