"""A grammar goes to servers that may take it, and a server that refuses it answers without."""

import pytest
from stand_in import StandIn, Switches

from cribsheet.models import Sampling
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
