"""Programs are models of Ollama's clients."""

import json

import litellm
import ollama
import pytest
from compiled_server import CompiledServer


@pytest.fixture
def client(server: CompiledServer) -> ollama.Client:
    return ollama.Client(server.address)


def test_a_program_answers_a_chat(client: ollama.Client) -> None:
    reply = client.chat("toy:latest", [{"role": "user", "content": "boring"}], options={"temperature": 1})
    assert (reply.message.content, reply.done, reply.done_reason) == ("negative", True, "stop")
    assert reply.prompt_eval_count
    assert reply.eval_count == 1


def test_a_program_answers_a_prompt(client: ollama.Client) -> None:
    assert client.generate("toy", "boring").response == "negative"
    reply = client.generate("toy", "boring", format="json")
    assert json.loads(reply.response) == {"sentiment": "negative"}


def test_a_stream_gives_the_same_answer(client: ollama.Client) -> None:
    parts = list(client.chat("toy", [{"role": "user", "content": "boring"}], stream=True))
    assert "".join(part.message.content or "" for part in parts) == "negative"
    assert [part.done for part in parts] == [False, True]
    assert "".join(part.response for part in client.generate("toy", "boring", stream=True)) == "negative"


def test_nothing_asked_is_nothing_answered(client: ollama.Client) -> None:
    assert client.generate("toy").done_reason == "load"
    assert client.chat("toy").done_reason == "load"


def test_programs_are_listed_and_described(client: ollama.Client) -> None:
    listed = client.list().models
    assert [model.model for model in listed][:2] == ["toy:latest", "qa:latest"]
    assert all(model.digest and model.size for model in listed)
    assert [model.model for model in client.ps().models][:1] == ["toy:latest"]
    shown = client.show("decider")
    assert shown.capabilities == ["completion", "decision"]
    assert client.show("toy").capabilities == ["completion"]
    assert shown.modelinfo
    assert shown.modelinfo["cribsheet.score"] == 0.9


def test_a_program_is_described_under_the_older_key_too(server: CompiledServer) -> None:
    assert server.post("/api/show", {"name": "toy"}).status_code == 200
    assert server.post("/api/show", {}).json() == {"error": "model: Field required. Correct it there."}


def test_errors_are_texts_as_ollamas(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="There is no program") as missing:
        client.chat("nix", [{"role": "user", "content": "x"}])
    assert missing.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match="or lines that begin with"):
        client.chat("qa", [{"role": "user", "content": "Where?"}], stream=False)
    with pytest.raises(ollama.ResponseError, match="or lines that begin with"):
        next(iter(client.chat("qa", [{"role": "user", "content": "Where?"}], stream=True)))


def test_the_version_is_one_that_has_decision_endpoints(server: CompiledServer) -> None:
    assert server.get("/api/version").json()["version"] == "0.35.0"


def test_litellm_calls_a_program_as_ollamas(server: CompiledServer) -> None:
    messages = [{"role": "user", "content": "boring"}]
    for name in ("ollama_chat/toy", "ollama/toy"):
        reply = litellm.completion(name, messages=messages, api_base=server.address)
        assert "negative" in reply.choices[0].message.content
