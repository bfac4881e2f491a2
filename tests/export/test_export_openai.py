"""An OpenAI request body, once filled, is the frozen prompt."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from engines import forward
from hypothesis import given

from cribsheet.corrections.calibration import Calibration
from cribsheet.export import Source, export
from cribsheet.frozen import Decoding, FrozenProgram, FrozenPrompt, ModelIdentity
from cribsheet.frozen.running import ask, prompt_text
from cribsheet.layout import Layout, Mark
from cribsheet.layout.catalogue import layout_named
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field
from export_cases import (
    NASTY,
    TEXT,
    all_cases,
    fill,
    needs_jq,
    program_of,
    prompt_of,
    run_usage,
    sentiment_demos,
    tamed,
    written,
)
from frozen_toys import toy_program
from toys import QA, SENTIMENT

DECIDED = Decoding(decide_by="logprobs", max_tokens=4, top_logprobs=30)


def body_of(program: FrozenProgram) -> dict[str, object]:
    return dict(json.loads(export(program, "openai").text))


def filled_body(prompt: FrozenPrompt, values: Mapping[str, str]) -> dict[str, object]:
    program = program_of(prompt)
    return dict(fill(body_of(program), Source(program, "predict").opened.placeholders(), values))


def sent(body: Mapping[str, object]) -> Prompt:
    return Prompt.model_validate(
        {"messages": body.get("messages", ()), "text": body.get("prompt", ""), "stop": body["stop"]}
    )


def test_every_layout_and_signature_sends_the_frozen_prompt() -> None:
    for prompt, inputs in all_cases():
        assert sent(filled_body(prompt, written(prompt, inputs))) == prompt_text(prompt, inputs)


@pytest.mark.parametrize("layout", ["instructed", "message", "chat"])
@given(text=TEXT, instructions=TEXT, value=TEXT)
def test_any_text_is_sent_as_it_is(layout: str, text: str, instructions: str, value: str) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, sentiment_demos((text,)))
    prompt = prompt.model_copy(update={"instructions": instructions})
    assert sent(filled_body(prompt, {"text": tamed(prompt, value)})) == prompt_text(prompt, {"text": value})


@given(opening=TEXT, closing=TEXT)
def test_any_marks_may_stand_around_a_placeholder(opening: str, closing: str) -> None:
    layout = Layout(name="odd", style="raw", input_mark=Mark(open=opening, gap="", close=closing), between_fields="")
    prompt = prompt_of(layout, SENTIMENT, ())
    assert sent(filled_body(prompt, {"text": "x"})) == prompt_text(prompt, {"text": "x"})


def test_a_placeholder_that_the_prompt_has_itself_gives_way_to_another_form() -> None:
    prompt = prompt_of(layout_named("plain"), SENTIMENT, sentiment_demos(("Fill {{text}} and <<text>> in.",)))
    exported = export(program_of(prompt), "openai")
    assert json.loads(exported.text)["prompt"].endswith("Text: [[text]]\nSentiment:")
    assert "Fills [[text]]" in exported.usage


def test_sampling_is_that_of_the_frozen_prompt() -> None:
    body = body_of(program_of(prompt_of(layout_named("plain"), SENTIMENT, ())))
    assert {key: body[key] for key in ("model", "max_tokens", "temperature", "seed", "stop")} == {
        "model": "smollm2-135m",
        "max_tokens": 8,
        "temperature": 0.0,
        "seed": 0,
        "stop": ["\n"],
    }
    assert not {"logprobs", "top_logprobs"} & set(body)


@pytest.mark.parametrize(
    ("layout", "asked"), [("plain", {"logprobs": 30}), ("chat", {"logprobs": True, "top_logprobs": 30})]
)
def test_a_decision_by_log_probabilities_asks_for_them(layout: str, asked: dict[str, object]) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, (), decoding=DECIDED)
    prompt = prompt.with_corrections(Calibration(biases={"negative": 0.1, "positive": -0.1}))
    exported = export(program_of(prompt), "openai")
    assert asked.items() <= json.loads(exported.text).items()
    said = " ".join(exported.caveats)
    assert "asks for 30 alternatives" in said
    assert "logit_bias" not in said
    assert "the reader of the reply has to decide" in said


@pytest.mark.parametrize("layout", ["plain", "chat"])
def test_biases_by_token_id_let_one_token_be_the_decision(layout: str) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, (), decoding=DECIDED)
    biases = {"negative": 0.5, "positive": -0.5}
    calibration = Calibration(biases=biases, logit_bias={"3524": 30.0, "2731": 31.0})
    exported = export(program_of(prompt.with_corrections(calibration)), "openai")
    body = json.loads(exported.text)
    assert body["logit_bias"] == {"3524": 30.0, "2731": 31.0}
    assert body["max_tokens"] == 1
    assert not {"logprobs", "top_logprobs"} & set(body)
    said = " ".join(exported.caveats)
    assert "token ids of the weights that this was compiled for" in said
    assert "Calibration:" not in said
    assert "has to decide" not in said
    assert exported.carriage == "logit_bias"


def test_biases_by_token_id_are_not_sent_where_the_answer_is_read_from_the_text() -> None:
    prompt = prompt_of(layout_named("plain"), SENTIMENT, ())
    calibration = Calibration(biases={"negative": 0.5, "positive": -0.5}, logit_bias={"3524": 30.0, "2731": 31.0})
    body = body_of(program_of(prompt.with_corrections(calibration)))
    assert "logit_bias" not in body
    assert body["max_tokens"] == 8


def test_inputs_that_are_not_text_are_said_with_their_words() -> None:
    fields = (Field(name="strict", kind="boolean"), Field(name="limit", kind="integer"), Field(name="text"))
    signature = SENTIMENT.model_copy(update={"inputs": fields})
    usage = export(program_of(prompt_of(layout_named("plain"), signature, ())), "openai").usage
    assert "# strict: no for false, yes for true" in usage
    assert "# limit: a whole number, such as 3" in usage
    assert "# text" not in usage


@pytest.mark.parametrize(
    ("model", "endpoint", "name", "url"),
    [
        ("embedded/smollm2-135m", "", "smollm2-135m", "http://localhost:9931/v1/completions"),
        ("embedded/some folder/My.gguf", "", "My", "http://localhost:9931/v1/completions"),
        ("ollama_chat/qwen2.5:0.5b", "", "qwen2.5:0.5b", "http://localhost:11434/v1/completions"),
        ("ollama/qwen2.5:0.5b", "http://box:11434", "qwen2.5:0.5b", "http://box:11434/v1/completions"),
        ("hosted_vllm/Qwen/Qwen2.5", "http://box:8000/v1/", "Qwen/Qwen2.5", "http://box:8000/v1/completions"),
        ("openai/gpt-x", "", "gpt-x", "https://api.openai.com/v1/completions"),
        ("groq/llama", "", "llama", "http://localhost:8000/v1/completions"),
    ],
)
def test_the_request_goes_where_the_model_is_served(model: str, endpoint: str, name: str, url: str) -> None:
    identity = ModelIdentity(name=model, digest=None, endpoint=endpoint)
    exported = export(toy_program().model_copy(update={"model": identity}), "openai")
    assert json.loads(exported.text)["model"] == name
    assert f"curl -s {url} " in exported.usage
    assert ("$OPENAI_API_KEY" in exported.usage) == (model == "openai/gpt-x")


def test_ollama_is_said_to_wrap_raw_prompts_in_its_template() -> None:
    program = program_of(prompt_of(layout_named("plain"), SENTIMENT, ()), model="ollama_chat/qwen2.5:0.5b")
    said = " ".join(export(program, "openai").caveats)
    assert "wraps the prompt in the model's chat template" in said
    assert "OLLAMA_CONTEXT_LENGTH=4096" in said


@needs_jq
@pytest.mark.parametrize("layout", ["plain-lead-both", "chat-lead-last"])
def test_the_commands_fill_in_any_inputs_that_are_escaped(layout: str, tmp_path: Path) -> None:
    prompt = prompt_of(layout_named(layout), QA, ())
    exported = export(program_of(prompt), "openai", path=str(tmp_path / "it's a file.json"))
    Path(exported.file_name).write_text(exported.text, encoding="utf-8")
    for value in NASTY:
        given = {"question": "{{context}} {{question}}" + value, "context": value}
        values = {name: prompt.template.escaping.apply(text) for name, text in given.items()}
        reply = json.loads(run_usage(exported.usage, values, upto="\\\n  | curl"))
        assert sent(reply) == prompt_text(prompt, given)


@pytest.mark.parametrize("target", ["openai", "llamacpp", "ollama"])
def test_whoever_fills_a_request_is_told_what_to_escape(target: str) -> None:
    told = " ".join(export(program_of(prompt_of(layout_named("plain"), SENTIMENT, ())), target).caveats)
    assert r"'\nSentiment:' by ' Sentiment:'" in told


@pytest.mark.model
@pytest.mark.parametrize("layout", ["plain", "tags", "message", "chat"])
def test_the_engine_answers_the_filled_body_as_it_answers_the_frozen_prompt(layout: str, smollm: EmbeddedModel) -> None:
    prompt = prompt_of(layout_named(layout), QA, ())
    values = {"question": "Where is the {{cat}}?", "context": 'The cat "Tom" sleeps on the\nred sofa.'}
    path = "/completions" if layout in ("plain", "tags") else "/chat/completions"
    status, reply = forward(smollm.address + path, filled_body(prompt, values))
    choice = reply["choices"][0]
    assert status == 200
    assert choice.get("text", choice.get("message", {}).get("content")) == ask(prompt, values, smollm).completion.text


@needs_jq
@pytest.mark.model
@pytest.mark.skipif(not shutil.which("curl"), reason="the commands of `usage` take curl")
def test_the_commands_get_the_answer_from_a_server(smollm: EmbeddedModel, tmp_path: Path) -> None:
    prompt = prompt_of(layout_named("plain"), SENTIMENT, sentiment_demos(NASTY[:6]), decoding=DECIDED)
    exported = export(program_of(prompt), "openai", path=str(tmp_path / "body.json"))
    Path(exported.file_name).write_text(exported.text, encoding="utf-8")
    usage = exported.usage.replace("http://localhost:9931/v1", smollm.address)
    choice = json.loads(run_usage(usage, {"text": 'A "superb" film,\nreally.'}, upto=""))["choices"][0]
    decided = ask(prompt, {"text": 'A "superb" film,\nreally.'}, smollm).completion
    told = {entry["token"]: entry["logprob"] for entry in choice["logprobs"]["content"][0]["top_logprobs"]}
    assert choice["text"].startswith(decided.text)
    assert decided.first_token is not None
    assert told[decided.text] == pytest.approx(decided.first_token[decided.text])
