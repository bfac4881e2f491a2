"""Compiling for a model that only decides."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest
from click.testing import CliRunner
from decision_server import DecisionServer

import cribsheet
from cribsheet import Task, label_accuracy
from cribsheet.cli.optimize import command as optimize
from cribsheet.cli.show import command as show
from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.errors import CompileError, ExportError, ModelError
from cribsheet.export import TARGETS, export
from cribsheet.frozen.loading import Program
from cribsheet.frozen.sealing import read, save
from cribsheet.layout.catalogue import QUESTIONS
from cribsheet.layout.questions import suits
from cribsheet.models import Model, Sampling, open_model
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature
from cribsheet.workspace import Workspace, new_workspace
from toys import GOOD, sentiment_rows, write_rows


class Sentiment(dspy.Signature):
    """Say whether the text is negative or positive."""

    text: str = dspy.InputField()
    sentiment: Literal["negative", "positive"] = dspy.OutputField()


class Lovely(dspy.Signature):
    """Say whether the text praises."""

    text: str = dspy.InputField()
    lovely: bool = dspy.OutputField()


class Stars(dspy.Signature):
    """Rate the text."""

    text: str = dspy.InputField()
    stars: Literal[1, 2, 3] = dspy.OutputField()


class Written(dspy.Signature):
    """Say in words what the text is about."""

    text: str = dspy.InputField()
    topic: str = dspy.OutputField()


class Both(dspy.Signature):
    """Say two things."""

    text: str = dspy.InputField()
    sentiment: Literal["negative", "positive"] = dspy.OutputField()
    lovely: bool = dspy.OutputField()


def decide(state: str, asked: str, options: Sequence[str]) -> list[float]:
    """Lean to the first option, less so the more demos the state has."""
    last = state[max(state.rfind("The "), 0) :]
    demos = min(8, state.count("The ") - 1)
    truth = 1.0 if any(word in last for word in GOOD) else -1.0
    chance = int(hashlib.sha256(last.encode()).hexdigest(), 16) % 1000 / 500 - 1
    odds = truth + chance * (3.0 - 0.3 * demos) - 1.0
    last_option = 1 / (1 + math.exp(-odds))
    return [(1 - last_option) / (len(options) - 1)] * (len(options) - 1) + [last_option]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    rows = sentiment_rows()
    good = [row["sentiment"] == "positive" for row in rows]
    folder = made.root / "trainsets"
    write_rows(folder / "sentiment.jsonl", rows)
    write_rows(
        folder / "lovely.jsonl", [{"text": row["text"], "lovely": one} for row, one in zip(rows, good, strict=True)]
    )
    write_rows(
        folder / "stars.jsonl",
        [{"text": row["text"], "stars": 1 + 2 * one} for row, one in zip(rows, good, strict=True)],
    )
    return made


def compiled(
    workspace: Workspace, model: Model, program: Any = Sentiment, rows: str = "sentiment", **settings: Any
) -> Compiled:
    options = Settings(**{"budget": "500calls", **settings})
    task = Task(program, metric=label_accuracy, trainset=f"{rows}.jsonl")
    return compile_task(task, options, workspace=workspace, model=model)


def model_at(server: DecisionServer) -> Model:
    return open_model("systemone/decider", api_base=server.url, parallel=1)


@pytest.mark.slow
def test_the_question_the_demos_and_the_corrections_of_its_probabilities_are_searched(workspace: Workspace) -> None:
    with DecisionServer(decide) as server:
        program = compiled(workspace, model_at(server)).program
        types = {question["type"] for body in _bodies(server) for question in body["questions"].values()}
        asked = {question["instructions"] for body in _bodies(server) for question in body["questions"].values()}
        words = {tuple(question["criteria"]) for body in _bodies(server) for question in body["questions"].values()}
    assert program.results.gain.low > 0
    assert types == {"choice", "noul"}
    assert len(asked) > 2
    assert len(words) > 2
    (prompt,) = program.prompts.values()
    assert prompt.layout.is_question
    assert prompt.demos
    assert prompt.corrections


def test_the_frozen_file_asks_the_same_endpoint_again(workspace: Workspace, tmp_path: Path) -> None:
    with DecisionServer(decide) as server:
        program = compiled(workspace, model_at(server), optimizer="labeled", budget="300calls").program
        save(program, tmp_path / "sentiment.prompt.json")
        loaded = cribsheet.load(tmp_path / "sentiment.prompt.json")
        assert loaded(text="The film was superb.").sentiment in ("negative", "positive")
        assert server.requests[-1].path == "/v1/systemone"
    shown = CliRunner().invoke(show, [str(tmp_path / "sentiment.prompt.json")])
    assert "State and question" in shown.output
    assert "Say whether the text is negative or positive." in shown.output


@pytest.mark.slow
def test_numbers_may_be_asked_for_as_a_score_and_truths_as_a_yes_or_no(workspace: Workspace) -> None:
    with DecisionServer(decide) as server:
        compiled(workspace, model_at(server), Stars, "stars", budget="250calls")
        stars = {question["type"] for body in _bodies(server) for question in body["questions"].values()}
        server.requests.clear()
        compiled(workspace, model_at(server), Lovely, "lovely", budget="250calls")
        lovely = {question["type"] for body in _bodies(server) for question in body["questions"].values()}
    assert stars == {"choice", "score"}
    assert lovely == {"choice", "noul"}


@pytest.mark.parametrize("program", [Written, Both, dspy.ChainOfThought(Sentiment)])
def test_a_task_that_asks_for_more_than_one_decision_is_refused_before_anything_is_asked(
    workspace: Workspace, program: Any
) -> None:
    with DecisionServer(decide) as server:
        with pytest.raises(
            CompileError, match=r"systemone/decider only decides between given options, but \w+ asks for"
        ) as caught:
            compiled(workspace, model_at(server), program)
        assert server.requests == []
    assert "\n" not in str(caught.value)


def test_an_abstention_is_one_of_the_options() -> None:
    field = Field(name="sentiment", kind="label", labels=("negative", "positive"), abstains=True)
    signature = Signature(name="Uncertain", instructions="", inputs=(Field(name="text"),), outputs=(field,))
    styles = {layout.style for layout in QUESTIONS if suits(layout, signature)}
    assert styles == {"choice", "described_choice"}


@pytest.mark.slow
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_no_export_pretends_to_carry_a_question(workspace: Workspace, target: str) -> None:
    with DecisionServer(decide) as server:
        program = compiled(workspace, model_at(server), optimizer="zero_shot", budget="300calls").program
    with pytest.raises(ExportError, match="asks a decision endpoint a typed question"):
        export(program, target)


@pytest.mark.slow
def test_a_decision_model_of_ollama_is_known_by_what_ollama_tells_of_it(workspace: Workspace) -> None:
    with DecisionServer(decide) as server:
        model = open_model("ollama_chat/decider", api_base=server.url)
        program = compiled(workspace, model, optimizer="labeled", budget="300calls").program
    (prompt,) = program.prompts.values()
    assert prompt.layout.is_question
    assert program.model.digest == "sha256:" + "cd" * 32
    with DecisionServer(decide, decides=False) as server:
        assert not open_model("ollama_chat/decider", api_base=server.url).only_decides  # type: ignore[attr-defined]


@pytest.mark.slow
def test_a_teacher_that_writes_is_asked_in_words(workspace: Workspace) -> None:
    asked: list[Prompt] = []

    def teach(prompt: Prompt, sampling: Sampling) -> str:
        asked.append(prompt)
        return "positive"

    with DecisionServer(decide) as server:
        task = Task(Sentiment, metric=label_accuracy, trainset="sentiment.jsonl")
        settings = Settings(budget="250calls", optimizer="bootstrap", samples=1)
        compile_task(
            task,
            settings,
            workspace=workspace,
            model=model_at(server),
            teacher=ScriptedModel(teach, name="scripted/teacher"),
        )
    assert asked
    assert all(prompt.question is None for prompt in asked)


def test_a_model_that_only_decides_cannot_reason(workspace: Workspace) -> None:
    with DecisionServer(decide) as server, pytest.raises(CompileError, match="cannot reason before it decides"):
        compiled(workspace, model_at(server), reasoning=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openai/x", "ollama/x"])
def test_a_model_that_writes_refuses_a_prompt_that_was_compiled_for_a_decision_endpoint(
    workspace: Workspace, name: str
) -> None:
    with DecisionServer(decide) as server:
        program = compiled(workspace, model_at(server), optimizer="zero_shot", budget="300calls").program
    with DecisionServer(decide, decides=False) as server:
        loaded = Program(program, model=open_model(name, api_base=server.url))
        with pytest.raises(ModelError, match="this prompt asks a typed question"):
            loaded(text="The film was superb.")


def test_the_command_compiles_for_an_endpoint(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.root)
    (workspace.root / "programs" / "mood.py").write_text(
        "from typing import Literal\nimport dspy\nfrom cribsheet import Task, label_accuracy\n\n\n"
        "class Mood(dspy.Signature):\n    '''Say which.'''\n\n    text: str = dspy.InputField()\n"
        "    sentiment: Literal['negative', 'positive'] = dspy.OutputField()\n\n\n"
        "task = Task(Mood, metric=label_accuracy, trainset='sentiment.jsonl')\n"
    )
    out = tmp_path / "mood.prompt.json"
    with DecisionServer(decide) as server:
        options = ["--model", "systemone/decider", "--api-base", server.url, "--budget", "300calls"]
        done = CliRunner().invoke(optimize, ["mood", *options, "--optimizer", "labeled", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert read(out).model.name == "systemone/decider"


def _bodies(server: DecisionServer) -> list[dict[str, Any]]:
    return [request.body for request in server.requests if request.path == "/v1/systemone"]
