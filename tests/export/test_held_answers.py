"""A prompt whose answers are held by a grammar says so in each export, and sends it where the target can."""

import json
from pathlib import Path

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


@pytest.mark.slow
def test_an_exported_module_sends_a_json_schema_to_ollama(tmp_path: Path) -> None:
    people = TYPED.model_copy(update={"outputs": TYPED.outputs[:1]})
    decoding = Decoding(max_tokens=90, held_by="json_schema")
    program = program_of(prompt_of(layout_named("plain"), people, (), decoding=decoding), "ollama/toy")
    module = load_module(write_module(program, tmp_path))
    with ScriptServer(lambda prompt, sampling: Completion(text='[{"name": "Ann", "age": 3}]'), "ollama") as server:
        client = module.connect(api="ollama", api_base=server.url)
        assert module.answer(client, **SIGNATURES["typed"][2]).outputs["people"] == [{"name": "Ann", "age": 3}]
        assert server.requests[-1].body["format"] == people.outputs[0].type.json_schema()
