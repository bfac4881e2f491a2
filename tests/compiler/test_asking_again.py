"""What runs asks once more for a structured answer that cannot be read, and the report counts how often that helps."""

from pathlib import Path
from typing import Any

import dspy
import pytest

from cribsheet import Task, exact_match
from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.errors import UnreadableCompletionError
from cribsheet.frozen import Unread
from cribsheet.frozen.loading import load
from cribsheet.frozen.sealing import to_text
from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models._base import KINDS
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.report.description import program_summary
from cribsheet.report.report import compiled_summary
from cribsheet.workspace import Workspace, new_workspace
from toys import GOOD, NOUNS, sentiment_rows, write_rows


class Opinions(dspy.Signature):
    """List the opinions in the text."""

    text: str = dspy.InputField()
    opinions: list[str] = dspy.OutputField()


TASK = Task(Opinions, metric=exact_match, trainset="opinions.jsonl")
NEVER, AT_LAST = NOUNS[:2]
"""About the first, no answer can be read; about the second, a sampled one can."""


def forgetful(prompt: Prompt, sampling: Sampling) -> Completion:
    text = prompt.full_text
    last = text[text.rfind("The ") :].split(".")[0]
    said = f'["{"positive" if any(word in last for word in GOOD) else "negative"}"]'
    is_cut = NEVER in last or (AT_LAST in last and not sampling.temperature)
    return Completion(
        text=said[:-1] if is_cut else said, usage=Usage(prompt_tokens=len(text.split()), completion_tokens=3)
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    rows = [{"text": row["text"], "opinions": [row["sentiment"]]} for row in sentiment_rows()]
    write_rows(made.root / "trainsets" / "opinions.jsonl", rows)
    return made


def compiled(workspace: Workspace, model: ScriptedModel, **settings: Any) -> Compiled:
    options = Settings(**{"budget": "2000calls", "optimizer": "labeled", **settings})
    return compile_task(TASK, options, workspace=workspace, model=model)


def test_the_score_is_that_of_what_runs_and_unread_answers_are_counted(workspace: Workspace) -> None:
    model = ScriptedModel(forgetful)
    done = compiled(workspace, model)
    results, (prompt,) = done.program.results, done.program.prompts.values()
    about = [row.inputs["text"].split()[1] for row in done.tested]
    never, at_last = about.count(NEVER), about.count(AT_LAST)
    assert min(never, at_last) > 0
    assert prompt.decoding.asks_again
    assert results.unread == Unread(asked_again=never + at_last, rescued=at_last, rows=never)
    assert results.compiled.score == pytest.approx(1 - never / len(about))
    assert results.carriages["text"].score == pytest.approx(1 - (never + at_last) / len(about)), "text cannot ask again"
    assert {call.sampling.seed for call in model.calls if call.sampling.temperature} == {1}
    told = {"asked_again": never + at_last, "rescued": at_last, "rows": never}
    assert compiled_summary(done, workspace.root)["unread"] == told
    shown = program_summary(done.program)
    assert shown["results"]["unread"] == told
    assert shown["prompts"][next(iter(done.program.prompts))]["asks_again"] is True


def test_every_second_completion_is_charged_and_a_rerun_asks_for_none(workspace: Workspace) -> None:
    model = ScriptedModel(forgetful)
    first = compiled(workspace, model)
    assert any(call.sampling.temperature for call in model.calls)
    assert first.meter.calls == len(model.calls)
    rerun = ScriptedModel(forgetful)
    again = compiled(workspace, rerun)
    assert rerun.calls == []
    assert to_text(again.program) == to_text(first.program)
    assert first.program.provenance.spent_tokens == again.program.provenance.spent_tokens > 0


def test_what_the_model_can_be_held_by_holds_the_second_answer_of_json(workspace: Workspace) -> None:
    free = compiled(workspace, ScriptedModel(forgetful))
    model = ScriptedModel(forgetful)
    model.takes_grammar = KINDS  # type: ignore[attr-defined]
    held = compiled(workspace, model)
    for done, way in ((free, "nothing"), (held, "grammar")):
        (prompt,) = done.program.prompts.values()
        assert prompt.decoding.again_held_by == way
    assert all(bool(call.sampling.grammar) == bool(call.sampling.temperature) for call in model.calls)


def test_a_deployment_of_text_alone_is_not_asked_again(workspace: Workspace) -> None:
    model = ScriptedModel(forgetful)
    done = compiled(workspace, model, carriage="text")
    assert not any(prompt.decoding.asks_again for prompt in done.program.prompts.values())
    assert not any(call.sampling.temperature for call in model.calls)
    assert done.program.results.unread is not None
    assert done.program.results.unread.asked_again == 0


def test_a_loaded_file_asks_again(workspace: Workspace) -> None:
    done = compiled(workspace, ScriptedModel(forgetful))
    path = workspace.root / "opinions.prompt.json"
    path.write_text(to_text(done.program), encoding="utf-8")
    loaded = load(path, model=ScriptedModel(forgetful))
    assert loaded(text=f"The {AT_LAST} was superb.").opinions == ["positive"]
    with pytest.raises(UnreadableCompletionError, match="cut off or damaged"):
        loaded(text=f"The {NEVER} was superb.")
