"""Calls that an endpoint counts are calls that are charged, for every optimizer."""

import contextlib
import math
import re
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import pytest

from cribsheet.budget import BudgetExhausted
from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.metrics import answer_f1
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import Run, direct_wiring, run_wired
from cribsheet.models import Completer, Completion, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.prompts import Prompt
from cribsheet.search.bootstrap.demonstrations import bootstrap_if_needed
from cribsheet.search.bootstrap.teaching import TeacherSettings
from cribsheet.search.corrections.guard import GuardFitter
from cribsheet.search.study import Study
from cribsheet.workspace import builtin
from lessons import lesson, right, row_asked, rows_of
from studies import evaluator_of, search, study_of, study_on
from toys import QA, SENTIMENT, student, student_model

WIRING = direct_wiring(BARE, SENTIMENT)
optimizers = pytest.mark.parametrize("name", list(builtin().optimizers()))
budgets = pytest.mark.parametrize("budget", ["40calls", "600calls"])


def decided(folder: Path, budget: str) -> Study:
    """A study whose outcomes are decided by log-probabilities."""
    return study_of(folder, budget=budget)


def written(folder: Path, budget: str) -> Study:
    """A study of a model that tells no log-probabilities."""
    study = study_of(folder, budget=budget)
    study.tells_logprobs = False
    return study


def untold(folder: Path, budget: str) -> Study:
    """A study of a model that tells log-probabilities at times: two calls are made where it does not."""
    numbers = count()

    def forgets(prompt: Prompt, sampling: Sampling) -> Completion:
        told = student(prompt, sampling)
        return told if next(numbers) % 3 else told.model_copy(update={"first_token": None})

    study = study_of(folder, budget=budget)
    return study_on(
        SENTIMENT, study.train, study.val, evaluator_of(ScriptedModel(forgets), budget=budget, wiring=WIRING)
    )


def crashing(folder: Path, budget: str) -> Study:
    """A study of a program that crashes on every fifth row after it has asked."""

    def crashes(prompts: Mapping[str, FrozenPrompt], inputs: Mapping[str, Value], model: Completer) -> Run:
        run = run_wired(prompts, WIRING, inputs, model)
        if len(str(inputs["text"])) % 5 == 0:
            raise ZeroDivisionError
        return run

    study = study_of(folder, budget=budget)
    conditions = evaluator_of(student_model(), budget=budget, run=crashes)
    return study_on(SENTIMENT, study.train, study.val, conditions)


def bridges(rows: int) -> list[Row]:
    made = []
    for number in range(rows):
        told = f"Bridge {number}, which Carl C{number} likes, was built by Ann B{number}."
        answer = Unanswerable() if number % 4 == 3 else f"Ann B{number}"
        made.append(Row({"question": f"Who built bridge {number}?", "context": told}, {"answer": (answer,)}))
    return made


def misled(prompt: Prompt, sampling: Sampling) -> Completion:
    """Begin with the wrong name or none, so that answers are extracted, token by token."""
    found = re.findall(r"Bridge (\d+)", prompt.full_text)
    number = found[-1] if found else "0"
    begun = prompt.full_text.rsplit("Answer:", 1)[-1].strip()
    text = f" Bob C{number}" if int(number) % 2 else f" Ann B{number}"
    first = {" Carl": math.log(0.5), " Ann": math.log(0.3), f" B{number}": math.log(0.1), " by": math.log(0.05)}
    usage = Usage(prompt_tokens=len(prompt.full_text.split()), completion_tokens=2)
    told = first if sampling.top_logprobs else None
    return Completion(text=f" B{number}" if begun else text, first_token=told, usage=usage)


def extracted(folder: Path, budget: str) -> Study:
    """A study whose written answers are made spans of the context, with a guard."""
    rows = bridges(160)
    conditions = evaluator_of(
        ScriptedModel(misled),
        budget=budget,
        metric=answer_f1,
        wiring=direct_wiring(BARE, QA),
        fit_guard=GuardFitter(QA, rows, answer_f1),
    )
    study = study_on(QA, rows[:60], rows[60:], conditions)
    assert study.pointed_source == "context"
    return study


KINDS = pytest.mark.parametrize("make", [decided, written, untold, crashing, extracted])


def calls_of(study: Study) -> int:
    """Return how many calls the endpoint counted."""
    return len(study.model.calls)  # type: ignore[attr-defined]


@optimizers
@budgets
@KINDS
def test_calls_counted_are_calls_charged(
    tmp_path: Path, name: str, budget: str, make: Callable[[Path, str], Study]
) -> None:
    study = make(tmp_path, budget)
    search(name, study)
    with contextlib.suppress(BudgetExhausted):
        study.point()
    assert calls_of(study) == study.ledger.spent == study.ledger.requests
    assert study.ledger.spent <= study.ledger.budget.limit


@pytest.mark.slow
@optimizers
@budgets
def test_calls_of_a_teacher_are_charged_beside_the_students(name: str, budget: str) -> None:
    def knows(prompt: Prompt, sampling: Sampling) -> str:
        if not re.search(r"text \d\d", prompt.full_text):
            return " text = Review; sentiment = Verdict"
        return f" Since I say so.\nSentiment: {right(row_asked(prompt))}"

    teacher = ScriptedModel(knows, name="big/teacher", parallel=3)
    study = lesson(lambda prompt, sampling: " positive", rows=24, budget=budget)
    study.teacher_settings = TeacherSettings(teacher=teacher, reasoning=True)
    study.val = rows_of(40, start=40)
    with contextlib.suppress(BudgetExhausted):
        bootstrap_if_needed(study)
        search(name, study)
    assert teacher.calls
    assert calls_of(study) + len(teacher.calls) == study.ledger.spent
    assert study.ledger.spent < study.ledger.budget.limit + teacher.parallel
