"""A request for llama.cpp's server, once filled, is the frozen prompt, and its outcomes are all that it can write."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from cribsheet.corrections import Calibration
from cribsheet.export import Source, export
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask, prompt_text
from cribsheet.layout.catalogue import layout_named
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.prompts import Prompt
from export_cases import all_cases, fill, program_of, prompt_of, sentiment_demos, written
from frozen_toys import toy_prompt
from toys import QA, SENTIMENT


def filled_body(prompt: FrozenPrompt, values: Mapping[str, str]) -> dict[str, Any]:
    program = program_of(prompt)
    body = json.loads(export(program, "llamacpp").text)
    return dict(fill(body, Source(program, "predict").opened.placeholders(), values))


def test_every_layout_and_signature_sends_the_frozen_prompt() -> None:
    for prompt, inputs in all_cases():
        body = filled_body(prompt, written(prompt, inputs))
        sent = {"messages": body.get("messages", ()), "text": body.get("prompt", ""), "stop": body["stop"]}
        assert Prompt.model_validate(sent) == prompt_text(prompt, inputs)


def test_outcomes_are_all_that_can_be_written() -> None:
    decided = prompt_of(layout_named("plain"), SENTIMENT, ())
    assert filled_body(decided, {"text": "Fine."})["grammar"] == 'root ::= " negative" | " positive"'
    chat = prompt_of(layout_named("chat"), SENTIMENT, ())
    assert filled_body(chat, {"text": "Fine."})["grammar"] == 'root ::= "negative" | "positive"'
    assert "grammar" not in filled_body(toy_prompt(QA), {"question": "Who?", "context": "Ann."})


def test_biases_by_token_id_let_one_token_be_the_decision() -> None:
    decoding = Decoding(decide_by="logprobs", max_tokens=4, top_logprobs=30)
    biased = Calibration(biases={"negative": 0.5, "positive": -0.5}, logit_bias={"3524": 30.0, "2731": 31.0})
    prompt = prompt_of(layout_named("plain"), SENTIMENT, (), decoding=decoding).with_corrections(biased)
    body = filled_body(prompt, {"text": "Fine."})
    assert (body["n_predict"], body["logit_bias"]) == (1, [[3524, 30.0], [2731, 31.0]])
    assert "grammar" not in body
    assert export(program_of(prompt), "llamacpp").carriage == "logit_bias"


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.parametrize("layout", ["plain", "chat"])
def test_the_engines_server_answers_with_an_outcome(smollm: EmbeddedModel, layout: str) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, sentiment_demos())
    server = smollm.address.removesuffix("/v1")
    endpoint = "/v1/chat/completions" if layout == "chat" else "/completion"
    for text in ("A joy from start to finish.", "Dull.", "???"):
        reply = httpx.post(server + endpoint, json=filled_body(prompt, {"text": text}), timeout=60).json()
        said = reply["choices"][0]["message"]["content"] if layout == "chat" else reply["content"]
        assert said.strip() in ("negative", "positive")
        own = ask(prompt, {"text": text}, smollm)
        if own.text.strip() in ("negative", "positive"):  # what it writes freely is what it writes under the grammar
            assert said.strip() == own.text.strip()
