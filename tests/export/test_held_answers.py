"""A prompt whose answers are held by a grammar says so in each export, and sends it where the target can."""

import json
from pathlib import Path
from typing import Any

import pytest
from script_server import ScriptServer

from cribsheet.export import export
from cribsheet.frozen import Decoding, FrozenProgram
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.holding import grammar_of
from cribsheet.models import Completion
from export_cases import SIGNATURES, TYPED, program_of, prompt_of
from exported_modules import load_module, write_module

SAID = ' [{"name": "Ann", "age": 3}]\nTags: unanswerable\nBorn: 2024-05-01'


def held(layout: str) -> FrozenProgram:
    decoding = Decoding(max_tokens=90, held_by="grammar")
    return program_of(prompt_of(layout_named(layout), TYPED, (), decoding=decoding), "openai/toy")


@pytest.mark.parametrize("layout", ["plain", "chat"])
def test_requests_hold_the_grammar_and_say_how_the_score_was_measured(layout: str) -> None:
    program = held(layout)
    grammar = grammar_of(layout_named(layout), TYPED)
    llama, openai = (export(program, target) for target in ("llamacpp", "openai"))
    assert json.loads(llama.text)["grammar"] == json.loads(openai.text)["grammar"] == grammar
    assert json.loads(openai.text)["structured_outputs"] == {"grammar": grammar}
    for one in (llama, openai):
        assert "the score was measured without it" in " ".join(one.caveats)
    assert "types of the outputs. This export does not" in " ".join(export(program, "jinja").caveats)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["plain", "chat"])
def test_an_exported_module_sends_the_grammar(layout: str, tmp_path: Path) -> None:
    module = load_module(write_module(held(layout), tmp_path))
    with ScriptServer(lambda prompt, sampling: Completion(text=SAID), "openai") as server:
        client = module.connect(api="openai", api_base=f"{server.url}/v1")
        outputs = module.answer(client, **SIGNATURES["typed"][2]).outputs
        assert outputs["people"] == [{"name": "Ann", "age": 3}]
        grammar = grammar_of(layout_named(layout), TYPED)
        body = server.requests[-1].body
        assert (body["grammar"], body["structured_outputs"]) == (grammar, {"grammar": grammar})


PEOPLE = TYPED.model_copy(update={"outputs": TYPED.outputs[:1]})
SCHEMA = PEOPLE.outputs[0].type.json_schema()
SAID_PEOPLE = Completion(text='[{"name": "Ann", "age": 3}]')


def held_by_schema(layout: str, model: str = "openai/toy") -> FrozenProgram:
    decoding = Decoding(max_tokens=90, held_by="json_schema")
    return program_of(prompt_of(layout_named(layout), PEOPLE, (), decoding=decoding), model)


@pytest.mark.slow
@pytest.mark.parametrize("api", ["ollama", "openai"])
def test_an_exported_module_sends_a_json_schema_under_the_name_that_the_server_knows(api: Any, tmp_path: Path) -> None:
    module = load_module(write_module(held_by_schema("plain", f"{api}/toy"), tmp_path))
    with ScriptServer(lambda prompt, sampling: SAID_PEOPLE, api) as server:
        client = module.connect(api=api, api_base=server.url + ("/v1" if api == "openai" else ""))
        assert module.answer(client, **SIGNATURES["typed"][2]).outputs["people"] == [{"name": "Ann", "age": 3}]
        body = server.requests[-1].body
    if api == "ollama":
        assert body["format"] == SCHEMA
    else:
        assert body["response_format"]["json_schema"]["schema"] == SCHEMA
        assert "grammar" not in body


@pytest.mark.parametrize("layout", ["plain", "chat"])
def test_requests_hold_the_json_schema_as_each_server_takes_it(layout: str) -> None:
    program = held_by_schema(layout)
    llama, openai = (export(program, target) for target in ("llamacpp", "openai"))
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}}
    assert json.loads(openai.text)["response_format"] == form
    own = json.loads(llama.text)
    assert own.get("response_format") == (form if layout == "chat" else None)
    assert own.get("json_schema") == (None if layout == "chat" else SCHEMA), "/completion knows no response_format"
    for one in (llama, openai):
        assert "A JSON Schema holds the answer" in " ".join(one.caveats)


def test_an_export_that_cannot_ask_again_says_so() -> None:
    decoding = Decoding(max_tokens=90, asks_again=True)
    program = program_of(prompt_of(layout_named("chat"), PEOPLE, (), decoding=decoding), "openai/toy")
    for target in ("llamacpp", "openai", "jinja", "dspy"):
        assert "asks the model once more" in " ".join(export(program, target).caveats)
    assert "asks the model once more" not in " ".join(export(program, "python").caveats)
