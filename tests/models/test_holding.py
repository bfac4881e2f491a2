"""A grammar or a JSON Schema goes to servers that may take it, and one that refuses it answers without."""

import json
from pathlib import Path

import pytest
from openai_server import OpenAIServer
from stand_in import StandIn, Switches

from cribsheet.models import Sampling, open_model
from cribsheet.models._holding import response_format
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.models.keys import completion_key
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Message, Prompt

GRAMMAR = 'root ::= "[]"'
PROMPTS = {
    "raw": Prompt(text="Review: fine\nSentiment:", stop=("\n",)),
    "chat": Prompt(messages=(Message(role="user", content="Say hello."),)),
}
SAMPLING = Sampling(max_tokens=4, grammar=GRAMMAR)


@pytest.mark.parametrize("kind", PROMPTS)
def test_a_grammar_is_sent_under_the_names_of_llama_server_and_vllm(kind: str) -> None:
    with StandIn() as server:
        LiteLLMModel("openai/toy", api_base=server.url + "/v1").complete(PROMPTS[kind], SAMPLING)
        body = server.requests[-1].body
        assert body["grammar"] == GRAMMAR
        assert body["structured_outputs"] == {"grammar": GRAMMAR}
        LiteLLMModel("openai/toy", api_base=server.url + "/v1").complete(PROMPTS[kind], Sampling(max_tokens=4))
        assert not {"grammar", "structured_outputs"} & server.requests[-1].body.keys()


@pytest.mark.parametrize("kind", PROMPTS)
@pytest.mark.parametrize("wording", ["named", "silent"])
def test_a_server_that_refuses_it_answers_without_and_is_not_asked_again(kind: str, wording: str) -> None:
    with StandIn(Switches(refuses=frozenset({"grammar"}), wording=wording)) as server:
        model = LiteLLMModel("openai/toy", api_base=server.url + "/v1")
        assert model.complete(PROMPTS[kind], SAMPLING).refused == ("grammar",)
        before = len(server.requests)
        assert model.complete(PROMPTS[kind], SAMPLING).refused == ("grammar",)
        assert len(server.requests) == before + 1
        assert "grammar" not in server.requests[-1].body


def test_held_and_free_completions_are_kept_apart_and_free_ones_keep_their_key() -> None:
    model = ScriptedModel({})
    free, held = (completion_key(model, PROMPTS["raw"], one) for one in (Sampling(max_tokens=4), SAMPLING))
    assert free != held
    assert "grammar" not in Sampling(max_tokens=4).model_dump(exclude_defaults=True)


SCHEMA = Sampling(max_tokens=4, answer_schema='{"type": "array", "items": {"type": "string"}}')


@pytest.mark.parametrize("kind", PROMPTS)
def test_ollama_gets_a_json_schema_as_its_format(kind: str) -> None:
    with StandIn() as server:
        model = OllamaModel("ollama_chat/toy", api_base=server.url)
        model.complete(PROMPTS[kind], SCHEMA)
        body = server.requests[-1].body
        assert body["format"] == {"type": "array", "items": {"type": "string"}}
        assert "format" not in body["options"]
        model.complete(PROMPTS[kind], SAMPLING)
        assert not {"format", "grammar"} & server.requests[-1].body.keys()


@pytest.mark.parametrize("kind", PROMPTS)
def test_an_ollama_that_refuses_it_answers_without(kind: str) -> None:
    with StandIn(Switches(refuses=frozenset({"format"}))) as server:
        model = OllamaModel("ollama_chat/toy", api_base=server.url)
        assert model.complete(PROMPTS[kind], SCHEMA).refused == ("format",)
        assert "format" not in server.requests[-1].body


@pytest.mark.parametrize("kind", PROMPTS)
@pytest.mark.parametrize("name", ["openai/gpt-4", "hosted_vllm/toy"])
def test_an_openai_compatible_server_gets_a_json_schema_as_its_response_format(kind: str, name: str) -> None:
    with StandIn(Switches(holds=frozenset({"response_format"}))) as server:
        completion = LiteLLMModel(name, api_base=server.url + "/v1").complete(PROMPTS[kind], SCHEMA)
        body = server.requests[-1].body
    assert completion.text == '["positive"]'
    schema = {"type": "array", "items": {"type": "string"}}
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": schema},
    }


@pytest.mark.parametrize("kind", PROMPTS)
@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_server_that_refuses_a_response_format_answers_without(kind: str, status: int) -> None:
    with StandIn(Switches(refuses=frozenset({"response_format"}), status=status)) as server:
        model = LiteLLMModel("openai/toy", api_base=server.url + "/v1")
        assert model.complete(PROMPTS[kind], SCHEMA).refused == ("response_format",)
        assert "response_format" not in server.requests[-1].body


def test_a_schema_is_strict_if_its_objects_require_all_members_and_allow_no_others() -> None:
    def is_strict(**parts: object) -> bool:
        item = {"type": "object", "properties": {"name": {"type": "string"}}, **parts}
        written = response_format(json.dumps({"type": "array", "items": item}))
        return bool(written["json_schema"]["strict"])

    assert is_strict(required=["name"], additionalProperties=False)
    assert not is_strict(required=[], additionalProperties=False), "a member has a default"
    assert not is_strict(required=["name"])
    assert '{"type": "string", "enum": ["a"]}' in json.dumps(response_format('[{"enum": ["a"]}]'))
    assert not is_strict(properties={}, required=[], additionalProperties={"type": "string"}), "a dict"


BOTH = {"raw", "chat"}


@pytest.mark.parametrize(
    ("name", "holds", "refuses", "taken"),
    [
        ("openai/toy", {"grammar"}, set(), {"grammar": BOTH, "json_schema": BOTH}),
        ("hosted_vllm/toy", {"structured_outputs"}, set(), {"grammar": BOTH, "json_schema": BOTH}),
        ("openai/toy", {"response_format"}, set(), {"grammar": set(), "json_schema": BOTH}),
        ("openai/toy", {"response_format"}, {"grammar"}, {"grammar": set(), "json_schema": BOTH}),
        ("openai/toy", set(), set(), {"grammar": set(), "json_schema": set()}),
        ("openai/toy", set(), {"grammar", "response_format"}, {"grammar": set(), "json_schema": set()}),
        ("ollama_chat/toy", {"format"}, set(), {"grammar": set(), "json_schema": BOTH}),
        ("ollama_chat/toy", set(), set(), {"grammar": set(), "json_schema": set()}),
        ("ollama_chat/toy", set(), {"format"}, {"grammar": set(), "json_schema": set()}),
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_an_open_model_knows_after_the_probe_what_its_server_holds(
    name: str, holds: set[str], refuses: set[str], taken: dict[str, set[str]], status: int, tmp_path: Path
) -> None:
    switches = Switches(holds=frozenset(holds), refuses=frozenset(refuses), status=status, wording="silent")
    with StandIn(switches) as server:
        opened = open_model(name, api_base=server.url + ("" if name.startswith("ollama") else "/v1"))
        model = CachedModel(opened, CompletionCache(tmp_path))
        model.start(probes=True)
        assert {"grammar": set(model.takes_grammar), "json_schema": set(model.takes_json_schema)} == taken


def test_a_server_that_was_not_probed_is_asked_to_hold_what_the_frozen_file_says() -> None:
    with StandIn() as server:
        model = open_model("openai/toy", api_base=server.url + "/v1")
        model.complete(PROMPTS["chat"], SCHEMA)
        assert "response_format" in server.requests[-1].body


def test_a_hosted_model_takes_a_json_schema_for_chats_if_litellm_knows_that_it_does() -> None:
    assert set(LiteLLMModel("openai/gpt-4o-mini").takes_json_schema) == {"chat"}
    assert not LiteLLMModel("openai/gpt-3.5-turbo").takes_json_schema
    assert not LiteLLMModel("openai/gpt-4o-mini").takes_grammar


@pytest.mark.model
@pytest.mark.slow
def test_a_real_llama_server_holds_answers_and_the_probe_finds_it_out(
    openai_server: OpenAIServer, tmp_path: Path
) -> None:
    model = CachedModel(open_model("openai/smollm", api_base=openai_server.url + "/v1"), CompletionCache(tmp_path))
    model.start(probes=True)
    assert set(model.takes_grammar) == BOTH
    held = Sampling(max_tokens=8, grammar='root ::= "[1, 2]"')
    assert [model.complete(prompt, held).text.strip() for prompt in PROMPTS.values()] == ["[1, 2]", "[1, 2]"]
    schema = Sampling(max_tokens=24, answer_schema='{"type": "array", "items": {"enum": ["so"]}, "minItems": 1}')
    assert json.loads(model.complete(PROMPTS["chat"], schema).text)[0] == "so"
