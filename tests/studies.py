"""Studies of the toy task, for tests of optimizers and of what they are made of."""

import contextlib
import math
import random
import re
from collections.abc import Sequence
from pathlib import Path

from cribsheet.budget import Budget, BudgetExhausted
from cribsheet.budget.ledger import Ledger
from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import split
from cribsheet.evaluation.metrics import label_accuracy
from cribsheet.executor import Threads
from cribsheet.frozen import Wiring
from cribsheet.frozen.running import direct_wiring, run_wired
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Model, Sampling
from cribsheet.models.scripted import Script, ScriptedModel
from cribsheet.progress import Silent
from cribsheet.prompts import Prompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.guard import GuardFitter
from cribsheet.search.evaluator import Evaluator, ProgramRunner
from cribsheet.search.study import Study
from cribsheet.signature import Signature
from cribsheet.task import Metric
from cribsheet.workspace import builtin
from toys import SENTIMENT, sentiment_rows, student_model, write_rows


def study_of(folder: Path, *, budget: str, seed: int = 0) -> Study:
    """Return a study of the toy task, its baseline answered."""
    path = write_rows(folder / "toy.jsonl", sentiment_rows())
    splits = split(load_rows(path, SENTIMENT), SENTIMENT, seed=0)
    evaluator = evaluator_of(student_model(), budget=budget)
    study = study_on(SENTIMENT, splits.train, splits.val, evaluator, seed=seed)
    study.extend(study.trial(study.zero_shot()), 16)
    return study


def study_on(
    signature: Signature,
    train: Sequence[Row],
    val: Sequence[Row],
    evaluator: Evaluator,
    *,
    seed: int = 0,
    **options: bool,
) -> Study:
    """Return a study of a program that is one predictor."""
    rng = random.Random(seed)
    return Study({BARE: signature}, train, val, evaluator, progress=Silent(), rng=rng, **options)


def search(name: str, study: Study) -> Study:
    """Run an optimizer to the end of its budget."""
    with contextlib.suppress(BudgetExhausted):
        builtin().optimizer(name).search(study)
    return study


def evaluator_of(
    model: Model,
    *,
    budget: str = "100000calls",
    metric: Metric = label_accuracy,
    wiring: Wiring | None = None,
    run: ProgramRunner | None = None,
    fit_guard: GuardFitter | None = None,
) -> Evaluator:
    """Return what trials share; the program is one predictor of sentiment unless it is told."""
    wired = wiring or direct_wiring(BARE, SENTIMENT)
    return Evaluator(
        run=run or (lambda prompts, inputs, completer: run_wired(prompts, wired, inputs, completer)),
        model=model,
        metric=metric,
        ledger=Ledger(Budget.parse(budget), count_tokens=model.count_tokens),
        executor=Threads(1),
        fit_guard=fit_guard,
        wiring=None if run else wired,
    )


# An arena: candidates that are as good as their instructions say


def numbered(count: int, *, start: int = 100) -> tuple[Row, ...]:
    """Return rows `review 100`, `review 101` …, all of three digits, every other one negative."""
    return tuple(
        Row({"text": f"review {number}"}, {"sentiment": ("negative" if number % 2 else "positive",)})
        for number in range(start, start + count)
    )


def number_asked(prompt: Prompt) -> int | None:
    """Return the number of the row that is asked, last in the prompt; None where the input says nothing."""
    found = re.match(r"review (\d+)", prompt.full_text.rsplit("Text: ", 1)[-1])
    return int(found[1]) if found else None


def leaning(odds: float) -> Completion:
    """Return a completion that gives `positive` these log-odds."""
    positive = 1 / (1 + math.exp(-odds))
    first = {" positive": math.log(positive), " negative": math.log(1 - positive)}
    return Completion(text=" positive" if odds > 0 else " negative", first_token=first)


def skilled(prompt: Prompt, sampling: Sampling) -> Completion:
    """Answer the share of the rows right that the instructions say, such as `Skill 80`.

    What is hard for one candidate is hard for all. `Late 90` is the skill from row 116 on.
    """
    number = number_asked(prompt)
    if number is None:
        return leaning(0.0)
    skills = {name: int(skill) for name, skill in re.findall(r"(Skill|Late) (\d+)", prompt.full_text)}
    skill = skills.get("Late", skills["Skill"]) if number >= 116 else skills["Skill"]
    is_right = number * 37 % 100 < skill
    return leaning(4.0 if is_right == (number % 2 == 0) else -4.0)


def arena(
    script: Script = skilled,
    *,
    budget: str = "100000calls",
    rows: int = 96,
    demos: int = 40,
    context_window: int = 4096,
) -> Study:
    """Return a study of `numbered` rows, those of the demo pool from 300 on."""
    evaluator = evaluator_of(ScriptedModel(script, context_window=context_window), budget=budget)
    return study_on(SENTIMENT, numbered(demos, start=300), numbered(rows), evaluator)


def fighter(study: Study, skill: int, *, note: str = "") -> Candidate:
    """Return a candidate of that skill for the arena; a note makes another one of it."""
    prompt = study.prompt(SENTIMENT, layout_named("instructed"), (), instructions=f"Skill {skill}. {note}")
    return Candidate({BARE: prompt}, origin=f"skill {skill}{note}")
