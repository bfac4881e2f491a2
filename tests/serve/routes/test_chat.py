"""Programs are models of OpenAI's clients."""

import json
from typing import Any

import litellm
import openai
import pytest
from compiled_server import CompiledServer

QUESTION = "question: Where?\ncontext: In Rome."


@pytest.fixture
def client(server: CompiledServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key="any", max_retries=0)


def said(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_a_program_answers_with_its_output(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="toy", messages=said("A lovely film."), temperature=1.5, max_tokens=1)
    assert reply.choices[0].message.content == "positive"
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 1
    assert reply.model_extra is not None
    assert reply.model_extra["cribsheet"]["outcomes"] == {"sentiment": "positive"}


def test_only_the_last_message_of_the_user_is_read(client: openai.OpenAI) -> None:
    messages = [
        {"role": "system", "content": "Be boring."},
        *said("boring"),
        {"role": "assistant", "content": "negative"},
        {"role": "user", "content": [{"type": "text", "text": "A lovely film."}]},
    ]
    reply = client.chat.completions.create(model="toy", messages=messages)
    assert reply.choices[0].message.content == "positive"


@pytest.mark.parametrize("has_usage", [False, True])
def test_a_stream_gives_the_same_answer(client: openai.OpenAI, has_usage: bool) -> None:
    options: Any = {"include_usage": True} if has_usage else openai.omit
    stream = client.chat.completions.create(model="toy", messages=said("boring"), stream=True, stream_options=options)
    chunks = list(stream)
    assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == "negative"
    assert [one.choices[0].finish_reason for one in chunks if one.choices][-1] == "stop"
    assert (chunks[-1].usage is not None) == has_usage


def test_several_inputs_come_as_lines_or_json(client: openai.OpenAI) -> None:
    for text in (QUESTION, json.dumps({"question": "Where?", "context": "In Rome."})):
        assert client.chat.completions.create(model="qa", messages=said(text)).choices[0].message.content == "Rome"
    with pytest.raises(openai.UnprocessableEntityError, match="or lines that begin with question:, context:"):
        client.chat.completions.create(model="qa", messages=said("Where?"))


def test_a_form_of_json_is_kept(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(
        model="guarded", messages=said("question: Where?\ncontext: Gravity."), response_format={"type": "json_object"}
    )
    assert json.loads(reply.choices[0].message.content or "") == {"answer": {"unanswerable": None}}
    reply = client.chat.completions.create(model="guarded", messages=said("question: Where?\ncontext: Gravity."))
    assert reply.choices[0].message.content == "unanswerable"


def test_models_are_listed_and_described(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["toy", "qa", "decider", "unsure", "guarded"]
    assert client.models.retrieve("toy").owned_by == "cribsheet"
    with pytest.raises(openai.NotFoundError, match="no model, 'nix'"):
        client.models.retrieve("nix")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"messages": []}, "at least 1 item"),
        ({"messages": [{"role": "system", "content": "x"}]}, "No message has the role 'user'"),
        ({"n": 2}, "n is 2, but a program has one answer"),
        ({"stream": "yes"}, "stream: Input should be a valid boolean"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"model": ["toy"]}, "model: Input should be a valid string"),
    ],
)
def test_what_a_program_cannot_do_is_refused(server: CompiledServer, change: dict[str, Any], why: str) -> None:
    reply = server.post("/v1/chat/completions", {"model": "toy", "messages": said("x")} | change)
    assert reply.status_code == 422
    assert why in reply.json()["error"]["message"]


def test_litellm_calls_a_program(server: CompiledServer) -> None:
    told = {"api_base": f"{server.address}/v1", "api_key": "any"}
    reply = litellm.completion("openai/toy", messages=said("boring"), **told)
    assert reply.choices[0].message.content == "negative"
    chunks = litellm.completion("openai/toy", messages=said("boring"), stream=True, **told)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "negative"


def test_the_command_llm_calls_a_program(server: CompiledServer, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path))
    llm = pytest.importorskip("llm", reason="The package llm is not installed.")
    entry = {"model_id": "toy", "model_name": "toy", "api_base": f"{server.address}/v1"}
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps([entry]))
    model = llm.get_model("toy")
    model.key = "any"
    for stream in (False, True):
        assert model.prompt("A boring film.", stream=stream).text() == "negative"
