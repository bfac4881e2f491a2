"""What Ollama reads from a Modelfile, and sends for a request, is the frozen prompt."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given

from cribsheet.dataset.examples import Demo
from cribsheet.export import Export, Source, export
from cribsheet.export._modelfile import comment, is_writable, quoted, template_text
from cribsheet.frozen import FrozenProgram, ModelIdentity
from cribsheet.frozen.running import prompt_text
from cribsheet.layout import Layout, Mark
from cribsheet.layout.catalogue import layout_named
from cribsheet.prompts import Prompt
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
from modelfile_reader import Command, read_modelfile, render_template, request_of, sent_messages, sent_text
from toys import QA, SENTIMENT

TAME = sentiment_demos(("Superb.", 'A "dull"\nfilm, {{ really }} 北京。'))


def values_of(exported: Export, name: str) -> list[str]:
    return [command.value for command in read_modelfile(exported.text) if command.name == name]


def sent(program: FrozenProgram, values: Mapping[str, str]) -> Prompt:
    """Return what Ollama makes of the Modelfile and of the request in it."""
    exported = export(program, "ollama")
    commands = read_modelfile(exported.text)
    request = fill(request_of(exported), Source(program, "predict").opened.placeholders(), values)
    held = [command.value for command in commands if command.name == "PARAMETER stop"]
    stop = request.get("options", {}).get("stop", held)
    if "prompt" in request:
        return Prompt(text=sent_text(commands, request["prompt"]), stop=stop)
    return Prompt.model_validate({"messages": sent_messages(commands, request["messages"]), "stop": stop})


def exported_for(layout: str, demos: tuple[Demo, ...] = TAME, model: str = "embedded/smollm2-135m") -> Export:
    return export(program_of(prompt_of(layout_named(layout), SENTIMENT, demos), model), "ollama")


def test_every_layout_and_signature_gives_the_model_the_frozen_prompt() -> None:
    for prompt, inputs in all_cases():
        assert sent(program_of(prompt), written(prompt, inputs)) == prompt_text(prompt, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["instructed", "message", "chat"])
@given(text=TEXT, instructions=TEXT, value=TEXT)
def test_any_text_gets_to_the_model_as_it_is(layout: str, text: str, instructions: str, value: str) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, sentiment_demos((text,)))
    prompt = prompt.model_copy(update={"instructions": instructions})
    assert sent(program_of(prompt), {"text": tamed(prompt, value)}) == prompt_text(prompt, {"text": value})


@given(opening=TEXT, closing=TEXT)
def test_any_marks_may_stand_around_an_input(opening: str, closing: str) -> None:
    odd = Mark(open=opening, gap="", close=closing)
    layout = Layout(name="odd", style="raw", input_mark=odd, output_mark=Mark(open="=>", close=closing))
    for signature, values in ((SENTIMENT, {"text": "x"}), (QA, {"question": "x", "context": "y"})):
        prompt = prompt_of(layout, signature, ())
        assert sent(program_of(prompt), values) == prompt_text(prompt, values)


@given(TEXT)
@example('"""')
@example('x"""')
@example("x{")
@example("{\u3000")
@example('{"""')
@example("\x00\U000e0001")
def test_a_template_renders_any_text(text: str) -> None:
    (command,) = read_modelfile(f"TEMPLATE {quoted(template_text(text) + '{{ .Prompt }}')}\n")
    assert render_template(command.value, "{{ x }}") == text + "{{ x }}"


@given(TEXT)
@example('"')
@example('""')
@example('x"""')
@example("\n")
@example(" padded ")
def test_a_text_is_writable_exactly_where_ollama_reads_it_back(text: str) -> None:
    try:
        commands = read_modelfile(f"SYSTEM {quoted(text)}\nFROM x\n")
    except (AssertionError, ValueError):
        commands = []
    assert is_writable(text) == (commands == [Command("SYSTEM", text), Command("FROM", "x")])


@given(TEXT)
def test_a_comment_is_never_read(text: str) -> None:
    assert read_modelfile(comment(text)) == []
    assert not any(line.startswith("#>") for line in comment(text).split("\n"))


def test_one_input_of_a_raw_prompt_is_all_that_is_sent() -> None:
    exported = exported_for("plain")
    assert exported.usage.splitlines()[:2] == ["ollama create toy -f toy.Modelfile", "ollama run toy '{{text}}'"]
    assert request_of(exported) == {"model": "toy", "stream": False, "truncate": False, "prompt": "{{text}}"}


def test_several_inputs_of_a_raw_prompt_are_sent_with_their_marks() -> None:
    exported = export(program_of(prompt_of(layout_named("tags"), QA, ())), "ollama")
    asked = "[question] {{question}}[end of question]\n[context] {{context}}[end of context]"
    assert request_of(exported)["prompt"] == asked
    assert f"ollama run toy '{asked}'" in exported.usage


def test_the_turns_of_a_chat_stay_with_the_model() -> None:
    exported = exported_for("chat")
    assert len(values_of(exported, "MESSAGE user")) == len(values_of(exported, "MESSAGE assistant")) == 2
    assert values_of(exported, "SYSTEM") == [SENTIMENT.instructions]
    assert values_of(exported, "TEMPLATE") == []
    assert "ollama run toy --think=false 'Text: {{text}}\nSentiment:'" in exported.usage


def test_turns_that_a_modelfile_would_garble_are_sent_with_each_request() -> None:
    exported = exported_for("chat", sentiment_demos(("Ideographic　space",)))
    assert values_of(exported, "MESSAGE user") == values_of(exported, "SYSTEM") == []
    assert "ollama run" not in exported.usage
    assert any("characters that a Modelfile would garble" in caveat for caveat in exported.caveats)


def test_one_message_is_sent_whole_for_a_modelfile_cannot_carry_a_part() -> None:
    exported = exported_for("message")
    assert {command.name.split()[0] for command in read_modelfile(exported.text)} == {"FROM", "PARAMETER"}
    assert "ollama run" not in exported.usage
    assert any("a Modelfile cannot carry part of a message" in caveat for caveat in exported.caveats)


def test_a_stop_sequence_that_a_modelfile_would_garble_is_sent_with_each_request() -> None:
    wide = Layout(name="wide", style="raw", output_mark=Mark(open="=>", close="　。"))
    exported = export(program_of(prompt_of(wide, SENTIMENT, ())), "ollama")
    assert request_of(exported)["options"] == {"stop": ["　。", "\n\nText:"]}
    assert any("A stop sequence has characters" in caveat for caveat in exported.caveats)


def test_the_parameters_are_those_that_cribsheet_asks_with() -> None:
    parameters = {
        command.name: command.value
        for command in read_modelfile(exported_for("plain").text)
        if command.name.startswith("PARAMETER ")
    }
    assert parameters == {
        "PARAMETER num_ctx": "4096",
        "PARAMETER num_predict": "8",
        "PARAMETER temperature": "0",
        "PARAMETER seed": "0",
        "PARAMETER repeat_penalty": "1",
        "PARAMETER presence_penalty": "0",
        "PARAMETER frequency_penalty": "0",
        "PARAMETER stop": "\n",
    }


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("ollama_chat/qwen2.5:0.5b", "qwen2.5:0.5b"),
        ("ollama/qwen2.5:0.5b", "qwen2.5:0.5b"),
        ("embedded/smollm2-135m", "./SmolLM2-135M-Instruct.Q4_1.gguf"),
        ("embedded//some folder/My model.gguf", "./My model.gguf"),
        ("embedded/pulled", "./pulled.gguf"),
        ("hosted_vllm/Qwen/Qwen2.5", "Qwen/Qwen2.5"),
    ],
)
def test_it_builds_on_the_weights_that_the_prompt_was_compiled_for(model: str, named: str) -> None:
    exported = exported_for("plain", model=model)
    assert values_of(exported, "FROM") == [named]
    assert any("into FROM" in caveat for caveat in exported.caveats) == model.startswith("hosted_vllm")


def test_requests_go_to_the_server_that_the_model_was_compiled_on() -> None:
    identity = ModelIdentity(name="ollama_chat/qwen", digest=None, endpoint="http://box:11434/")
    exported = export(toy_program().model_copy(update={"model": identity}), "ollama")
    assert "http://box:11434/api/generate" in exported.usage


def test_a_template_names_the_variables_that_make_ollama_prefer_it() -> None:
    (template,) = values_of(exported_for("plain"), "TEMPLATE")
    assert {".Tools", ".Suffix", ".Prompt"} <= set(re.findall(r"\.[A-Z]\w+", template))


def test_a_template_says_how_to_see_that_ollama_uses_it() -> None:
    assert any("`ollama show --template toy` must print this prompt" in said for said in exported_for("plain").caveats)
    assert not any("OLLAMA_GO_TEMPLATE" in said for said in exported_for("chat").caveats)


@needs_jq
@pytest.mark.parametrize("layout", ["instructed", "message", "chat"])
def test_the_commands_fill_in_the_request(layout: str, tmp_path: Path) -> None:
    program = program_of(prompt_of(layout_named(layout), QA, ()))
    exported = export(program, "ollama", path=str(tmp_path / "x.Modelfile"))
    Path(exported.file_name).write_text(exported.text, encoding="utf-8", newline="")
    commands = exported.usage[exported.usage.index("sed ") :]
    marks = Source(program, "predict").opened.placeholders()
    for value in NASTY:
        values = {"question": value, "context": "{{question}}" + value}
        assert json.loads(run_usage(commands, values, upto="\\\n  | curl")) == fill(request_of(exported), marks, values)
