"""What a DSPy user writes every day compiles as it stands."""

import re
from pathlib import Path
from typing import Any

import dspy
import numpy as np
import pytest
from litellm import ModelResponse

from cribsheet import Settings, Task, compile_task, label_accuracy
from cribsheet.errors import BudgetError, CompileError
from cribsheet.frozen.loading import Program
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.workspace import Workspace, new_workspace
from toys import GOOD, sentiment_rows, student_model, write_rows

WORDS = "text -> sentiment: Literal['negative', 'positive']"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    write_rows(made.root / "trainsets" / "toy.jsonl", sentiment_rows())
    return made


def compiled(workspace: Workspace, program: Any, metric: Any = label_accuracy, model: Any = None) -> Program:
    task = Task(program, metric=metric, trainset="toy.jsonl")
    settings = Settings(budget="600calls", optimizer="labeled")
    found = compile_task(task, settings, workspace=workspace, model=model or student_model())
    return Program(found.program, model=model or student_model())


@pytest.mark.parametrize("program", [WORDS, dspy.Predict(WORDS), dspy.Signature(WORDS)])
def test_a_signature_in_words_is_a_task(workspace: Workspace, program: Any) -> None:
    answer = compiled(workspace, program)(text="The soup was lovely.")
    assert answer.sentiment in ("negative", "positive")


def test_words_that_are_no_signature_are_refused_with_an_example(workspace: Workspace) -> None:
    with pytest.raises(CompileError, match="question, context -> answer"):
        compiled(workspace, "text to sentiment")


def test_a_reason_that_ends_in_a_full_stop_gets_no_second_one(workspace: Workspace) -> None:
    with pytest.raises(CompileError, match=r"exactly one '->'\. Write inputs"):
        compiled(workspace, "text > recipe")


# A chain of thought over rows without rationales


def thinking(prompt: Prompt, sampling: Sampling) -> Completion:
    """Reason in a sentence, then answer."""
    last = prompt.full_text.rsplit("The ", 1)[-1]
    label = "positive" if any(word in last for word in GOOD) else "negative"
    word = next((mark for mark in ("Sentiment:", "sentiment:") if mark in prompt.full_text), "Sentiment:")
    return Completion(text=f" It says so.\n{word} {label}")


@pytest.mark.parametrize("optimizer", ["labeled", "race"])
def test_a_chain_of_thought_needs_no_rationales_in_the_rows(workspace: Workspace, optimizer: str) -> None:
    task = Task(dspy.ChainOfThought(WORDS), metric=label_accuracy, trainset="toy.jsonl")
    settings = Settings(budget="400calls", optimizer=optimizer)
    found = compile_task(task, settings, workspace=workspace, model=ScriptedModel(thinking))
    (prompt,) = found.program.prompts.values()
    assert [field.name for field in prompt.signature.outputs] == ["reasoning", "sentiment"]
    assert found.program.results.compiled.score > 0.9
    answer = Program(found.program, model=ScriptedModel(thinking))(text="The soup was lovely.")
    assert (answer.reasoning, answer.sentiment) == ("It says so.", "positive")
    if optimizer == "race":  # the rationales of demos are the model's own
        assert {demo.outputs["reasoning"] for demo in prompt.demos} <= {"It says so."}


# Metrics as DSPy's tutorials write them


def by_item(example, pred, trace=None):
    return example["sentiment"] == pred["sentiment"]


def by_get(example, pred, trace=None):
    return 1 if example.get("sentiment") == pred.get("sentiment", "") else 0


def by_dict(gold, pred, trace):
    return float(gold.toDict()["sentiment"] == pred.toDict()["sentiment"])


def by_parts(example, pred):
    assert list(example.inputs().keys()) == ["text"]
    return np.float32(dict(example.labels().items())["sentiment"].lower() == pred.sentiment.lower())


def with_feedback(gold, pred, trace=None, pred_name=None, pred_trace=None):
    right = gold.sentiment == pred.sentiment
    return dspy.Prediction(score=float(right), feedback="Right." if right else f"It is {gold.sentiment}.")


class Judge(dspy.Signature):
    """Say whether the label fits."""

    text: str = dspy.InputField()
    label: str = dspy.InputField()
    fits: bool = dspy.OutputField()


class ScriptedLM(dspy.LM):
    """Judges by the words of the toy task."""

    def __init__(self) -> None:
        super().__init__("scripted/judge", cache=False)

    def forward(self, prompt: Any = None, messages: Any = None, **_: Any) -> Any:
        asked = messages[-1]["content"]
        fits = any(word in asked for word in GOOD) == ("positive" in asked)
        text = f"[[ ## fits ## ]]\n{fits}\n\n[[ ## completed ## ]]"
        message = {"role": "assistant", "content": text}
        return ModelResponse(choices=[{"message": message, "finish_reason": "stop"}], model="scripted/judge")


def judged(example, pred, trace=None):
    with dspy.context(lm=ScriptedLM(), adapter=dspy.ChatAdapter()):
        return dspy.Predict(Judge)(text=example.text, label=pred.sentiment).fits


fits = dspy.Predict(Judge)
fits.lm = ScriptedLM()


def judged_in_three_lines(example, pred, trace=None):  # as docs/programs.md shows it
    return fits(text=example.text, label=pred.sentiment).fits


@pytest.mark.slow
@pytest.mark.parametrize("metric", [by_item, by_get, by_dict, by_parts, with_feedback, judged, judged_in_three_lines])
def test_a_metric_of_dspys_scores_as_ours_does(workspace: Workspace, metric: Any) -> None:
    ours = compiled(workspace, WORDS).frozen.results
    theirs = compiled(workspace, WORDS, metric=metric).frozen.results
    assert theirs.metric == metric.__name__
    assert theirs.compiled == ours.compiled


# A budget that is too small


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 160])
@pytest.mark.parametrize("budget", ["100", "500", "2k", "4k", "4calls", "20calls", "50calls"])
def test_the_budget_that_a_message_advises_is_enough_and_not_many_times_too_much(
    tmp_path: Path, rows: int, budget: str
) -> None:
    workspace = new_workspace(tmp_path / "ws")
    write_rows(workspace.root / "trainsets" / "toy.jsonl", sentiment_rows()[:rows])
    task = Task(dspy.ChainOfThought(WORDS), metric=label_accuracy, trainset="toy.jsonl")
    tried = [budget]
    while True:
        settings = Settings(budget=tried[-1], optimizer="labeled")
        try:
            compile_task(task, settings, workspace=workspace, model=ScriptedModel(thinking))
            break
        except BudgetError as error:
            (advised,) = re.findall(r"at least --budget (\S+)\.", str(error))
            tried.append(advised)
    assert len(tried) <= 2
    if len(tried) == 2 and tried[1].endswith("calls"):  # a fourth less is not enough
        less = Settings(budget=f"{int(0.75 * int(tried[1].removesuffix('calls')))}calls", optimizer="labeled")
        with pytest.raises(BudgetError):
            compile_task(task, less, workspace=workspace, model=ScriptedModel(thinking))
