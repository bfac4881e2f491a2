"""A Jinja2 template renders the frozen prompt to the byte."""

import json
from collections.abc import Mapping
from pathlib import Path

import jinja2
import pytest
from hypothesis import given

from cribsheet.errors import ExportError
from cribsheet.export import export
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import prompt_text
from cribsheet.layout import Layout, Mark
from cribsheet.layout.catalogue import layout_named
from cribsheet.prompts import Prompt
from cribsheet.signature import Field
from export_cases import TEXT, all_cases, program_of, prompt_of, sentiment_demos, written
from toys import QA, SENTIMENT

DEFAULT = jinja2.Environment()
environments = pytest.mark.parametrize(
    "environment",
    [
        DEFAULT,
        jinja2.Environment(trim_blocks=True, lstrip_blocks=True),
        jinja2.Environment(keep_trailing_newline=True, undefined=jinja2.StrictUndefined),
    ],
    ids=["default", "trimming", "strict"],
)


def rendered(prompt: FrozenPrompt, values: Mapping[str, object], environment: jinja2.Environment = DEFAULT) -> Prompt:
    text = environment.from_string(export(program_of(prompt), "jinja").text).render(values)
    if prompt.layout.style == "raw":
        return Prompt(text=text, stop=prompt.layout.stops(prompt.signature))
    return Prompt(messages=json.loads(text), stop=prompt.layout.stops(prompt.signature))


@pytest.mark.slow
@environments
def test_every_layout_and_signature_renders_to_the_frozen_prompt(environment: jinja2.Environment) -> None:
    for prompt, inputs in all_cases():
        assert rendered(prompt, written(prompt, inputs), environment) == prompt_text(prompt, inputs)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["instructed", "message", "chat"])
@given(text=TEXT, instructions=TEXT, value=TEXT)
def test_any_text_renders_as_it_is(layout: str, text: str, instructions: str, value: str) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, sentiment_demos((text,)))
    prompt = prompt.model_copy(update={"instructions": instructions})
    assert rendered(prompt, {"text": value}) == prompt_text(prompt, {"text": value})


@pytest.mark.slow
@given(opening=TEXT, closing=TEXT)
def test_any_marks_may_stand_around_an_input(opening: str, closing: str) -> None:
    layout = Layout(name="odd", style="raw", input_mark=Mark(open=opening, gap="", close=closing), between_fields="")
    prompt = prompt_of(layout, SENTIMENT, ())
    assert rendered(prompt, {"text": "x"}) == prompt_text(prompt, {"text": "x"})


def test_a_newline_at_the_end_survives_the_default_environment() -> None:
    prompt = prompt_of(layout_named("heading"), SENTIMENT, ())
    assert rendered(prompt, {"text": "x"}).text.endswith("### Sentiment\n")


def test_a_newline_that_an_editor_adds_changes_nothing() -> None:
    prompt = prompt_of(layout_named("heading"), SENTIMENT, ())
    template = DEFAULT.from_string(export(program_of(prompt), "jinja").text + "\n")
    assert template.render(text="x") == prompt_text(prompt, {"text": "x"}).text


def test_a_message_that_is_the_input_alone_stays_text() -> None:
    bare = Layout(name="bare", style="chat_turns", input_mark=Mark(open="", gap=""), cue=False, instructions_at="none")
    number = SENTIMENT.model_copy(update={"inputs": (Field(name="text", kind="integer"),)})
    assert rendered(prompt_of(bare, number, ()), {"text": "7"}).messages[0].content == "7"


def test_the_stop_sequences_and_the_limit_are_said_for_they_have_no_place_in_a_template() -> None:
    said = export(program_of(prompt_of(layout_named("xml"), SENTIMENT, ())), "jinja").caveats[0]
    assert 'stop ["</sentiment>", "\\n\\n<text>"], at most 8 tokens and temperature 0' in said


@pytest.mark.parametrize("layout", ["plain", "chat"])
def test_the_code_in_the_usage_runs(layout: str, tmp_path: Path) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, sentiment_demos())
    exported = export(program_of(prompt), "jinja", path=str(tmp_path / "x.jinja"))
    Path(exported.file_name).write_text(exported.text, encoding="utf-8", newline="")
    names: dict[str, object] = {}
    exec(exported.usage.replace("text=…", "text='Superb.'"), names)
    expected = prompt_text(prompt, {"text": "Superb."})
    if layout == "plain":
        assert names["prompt"] == expected.text
    else:
        assert names["messages"] == [message.model_dump() for message in expected.messages]


def test_the_score_is_in_the_first_line() -> None:
    exported = export(program_of(prompt_of(layout_named("plain"), SENTIMENT, ())), "jinja")
    assert exported.text.startswith(f"{{# {exported.score} #}}")


@pytest.mark.parametrize("name", ["none", "namespace"])
def test_an_input_with_a_name_that_the_template_needs_is_refused(name: str) -> None:
    odd = SENTIMENT.model_copy(update={"inputs": (Field(name=name),)})
    with pytest.raises(ExportError, match=f"'{name}' cannot be a variable"):
        export(program_of(prompt_of(layout_named("plain"), odd, ())), "jinja")


@environments
@pytest.mark.parametrize("layout", ["plain", "chat"])
@pytest.mark.parametrize(
    ("value", "told"), [(True, "True"), (3.0, "3.0"), (None, "None"), (["x\n"], r"\['x"), (b"x", "b'x'")]
)
def test_an_input_that_is_not_text_ends_the_rendering(
    environment: jinja2.Environment, layout: str, value: object, told: str
) -> None:
    prompt = prompt_of(layout_named(layout), SENTIMENT, ())
    with pytest.raises(jinja2.UndefinedError, match=f"text must be text, written as in the prompt, but is .*{told}"):
        rendered(prompt, {"text": value}, environment)


def test_a_missing_input_ends_the_rendering_also_where_undefined_variables_are_allowed() -> None:
    with pytest.raises(jinja2.UndefinedError, match=r"context must be text, .* but is missing"):
        rendered(prompt_of(layout_named("plain"), QA, ()), {"question": "Who?"})
