"""Programs are models of clients that complete a text."""

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


def test_a_program_answers_a_prompt(client: openai.OpenAI) -> None:
    reply = client.completions.create(model="toy", prompt="A lovely film.", temperature=1.5, max_tokens=1, stop="p")
    assert (reply.object, reply.choices[0].text, reply.choices[0].finish_reason) == (
        "text_completion",
        "positive",
        "stop",
    )
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + 1
    assert reply.model_extra is not None
    assert reply.model_extra["cribsheet"]["outcomes"] == {"sentiment": "positive"}
    assert client.completions.create(model="qa", prompt=QUESTION).choices[0].text == "Rome"


def test_several_prompts_are_answered_in_their_order(client: openai.OpenAI) -> None:
    reply = client.completions.create(model="toy", prompt=["boring", "lovely", "boring"])
    assert [(one.index, one.text) for one in reply.choices] == [(0, "negative"), (1, "positive"), (2, "negative")]
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 3


@pytest.mark.parametrize("has_usage", [False, True])
def test_a_stream_gives_the_same_answers(client: openai.OpenAI, has_usage: bool) -> None:
    options: Any = {"include_usage": True} if has_usage else openai.omit
    stream = client.completions.create(model="toy", prompt=["boring", "x"], stream=True, stream_options=options)
    chunks = list(stream)
    told = ["", ""]
    for chunk in chunks:
        for choice in chunk.choices:
            told[choice.index] += choice.text
    assert told == ["negative", "positive"]
    assert [one.finish_reason for chunk in chunks for one in chunk.choices].count("stop") == 2
    assert (chunks[-1].usage is not None) == has_usage


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"prompt": []}, "There are 0 prompts"),
        ({"prompt": ["x"] * 1001}, "There are 1001 prompts"),
        ({"prompt": [1, 2]}, "token ids"),
        ({"prompt": [[1], [2]]}, "token ids"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ["x", 1]}, "prompt"),
        ({"n": 2}, "n is 2, but a program has one answer"),
        ({"best_of": 3}, "best_of is 3"),
        ({"echo": True}, "echo is given"),
        ({"suffix": "."}, "suffix is given"),
        ({"model": "qa"}, "or lines that begin with question:, context:"),
    ],
)
def test_what_a_program_cannot_do_is_refused(server: CompiledServer, change: dict[str, Any], why: str) -> None:
    reply = server.post("/v1/completions", {"model": "toy", "prompt": "x"} | change)
    assert reply.status_code == 422
    assert why in reply.json()["error"]["message"]


def test_a_model_that_is_not_there_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no model, 'nix'"):
        client.completions.create(model="nix", prompt="x")


def test_litellm_completes_with_a_program(server: CompiledServer) -> None:
    told = {"api_base": f"{server.address}/v1", "api_key": "any"}
    reply = litellm.text_completion(model="text-completion-openai/toy", prompt="boring", **told)
    assert reply.choices[0].text == "negative"


def test_an_answer_is_kept_and_counted_like_any_other(serve: Any, tmp_path: Any) -> None:
    server = serve(keep=tmp_path / "calls.jsonl")
    assert server.post("/v1/completions", {"model": "toy", "prompt": ["a", "b"]}).status_code == 200
    assert (
        'cribsheet_outcomes_total{outcome="positive",output="sentiment",program="toy"} 2.0'
        in server.get("/metrics").text
    )
    server.stop()
    server._thread.join(30)
    assert [json.loads(line)["inputs"]["text"] for line in (tmp_path / "calls.jsonl").read_text().splitlines()] == [
        "a",
        "b",
    ]
