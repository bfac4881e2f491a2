"""A compile for a server holds answers to their types as the server can, and says so if it cannot."""

from pathlib import Path
from typing import Any, Literal

import dspy
import pytest
from pydantic import BaseModel
from stand_in import StandIn, Switches

from cribsheet import Task, exact_match
from cribsheet.compiler.compile import Compiled, Settings, compile_task
from cribsheet.errors import CompileError
from cribsheet.frozen.loading import load
from cribsheet.frozen.sealing import to_text
from cribsheet.workspace import Workspace, new_workspace
from toys import sentiment_rows, write_rows

pytestmark = pytest.mark.slow


class Opinion(BaseModel):
    opinion: Literal["negative", "positive"]


class Record(dspy.Signature):
    """Say which opinion the text has."""

    text: str = dspy.InputField()
    sentiment: Opinion = dspy.OutputField()


class Opinions(dspy.Signature):
    """List the opinions in the text."""

    text: str = dspy.InputField()
    sentiment: list[str] = dspy.OutputField()


FREE = {Record: '{"opinion": "negative"}', Opinions: '["so so"]'}
"""What the server writes if nothing holds its answer: it can be read, but is no better than chance."""
VALUES = {Record: lambda said: {"opinion": said}, Opinions: lambda said: [said]}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    for signature, value in VALUES.items():
        rows = [{**row, "sentiment": value(row["sentiment"])} for row in sentiment_rows()]
        write_rows(made.root / "trainsets" / f"{signature.__name__}.jsonl", rows)
    return made


def compiled(
    workspace: Workspace, server: StandIn, *, name: str = "openai/model", signature: type[dspy.Signature] = Record
) -> Compiled:
    base = server.url + ("" if name.startswith("ollama") else "/v1")
    task = Task(signature, metric=exact_match, trainset=f"{signature.__name__}.jsonl")
    return compile_task(task, Settings(model=name, api_base=base, budget="300calls"), workspace=workspace)


def held_by(done: Compiled) -> str:
    (prompt,) = done.program.prompts.values()
    return prompt.decoding.held_by


@pytest.mark.parametrize(
    ("name", "way"), [("openai/model", "response_format"), ("ollama_chat/model", "format")], ids=["openai", "ollama"]
)
def test_a_json_schema_is_recorded_sent_and_sent_again_by_what_loads_the_file(
    workspace: Workspace, name: str, way: str
) -> None:
    with StandIn(Switches(holds=frozenset({way}), free=FREE[Record])) as server:
        done = compiled(workspace, server, name=name)
        assert (held_by(done), done.program.results.compiled.score) == ("json_schema", 1.0)
        path = workspace.root / "held.prompt.json"
        path.write_text(to_text(done.program), encoding="utf-8")
        loaded = load(path)
        assert loaded(text="The soup was awful.").sentiment == {"opinion": "negative"}
        assert way in server.requests[-1].body


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("openai/model", {}),
        ("openai/model", {"refuses": frozenset({"response_format"}), "status": 422}),
        ("openai/model", {"refuses": frozenset({"response_format", "grammar"}), "status": 500, "wording": "silent"}),
        ("ollama_chat/model", {}),
        ("ollama_chat/model", {"refuses": frozenset({"format"})}),
    ],
    ids=["ignored", "422", "silent", "ollama-ignored", "ollama-400"],
)
def test_a_server_that_holds_nothing_is_compiled_for_without_and_noted(
    workspace: Workspace, name: str, switches: dict[str, Any]
) -> None:
    with StandIn(Switches(**switches, free=FREE[Record])) as server:
        done = compiled(workspace, server, name=name)
        asked = [request for request in server.requests if {"response_format", "format"} & request.body.keys()]
    assert held_by(done) == "nothing"
    assert any("refuses or ignores both grammars and JSON Schemas" in note for note in done.program.notes)
    assert 0 < len(asked) <= 12, "it is found out at the start"


def test_a_server_that_refuses_the_schema_of_the_task_is_compiled_for_without_and_noted(workspace: Workspace) -> None:
    only_objects = Switches(holds=frozenset({"response_format"}), schemas="objects", free=FREE[Opinions])
    with StandIn(only_objects) as server:
        done = compiled(workspace, server, signature=Opinions)
        assert held_by(done) == "nothing"
        assert any("refuses the parameter `response_format`" in note for note in done.program.notes)
        assert held_by(compiled(workspace, server)) == "json_schema"


def test_answers_that_can_be_read_only_if_they_are_held_do_not_end_the_compile(workspace: Workspace) -> None:
    with StandIn(Switches(holds=frozenset({"response_format"}), free="I would rather not say.")) as server:
        done = compiled(workspace, server)
    assert (held_by(done), done.program.results.compiled.score) == ("json_schema", 1.0)
    with (
        StandIn(Switches(free="I would rather not say.")) as server,
        pytest.raises(CompileError, match="can be read, with demonstrations neither"),
    ):
        compiled(workspace, server)
