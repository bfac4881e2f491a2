"""Prompts are byte-stable and show what they should."""

import pytest
from hypothesis import given

from cribsheet.dataset.examples import Demo
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.escaping import escaping
from cribsheet.layout.rendering import render, render_outputs
from cribsheet.outcomes import Value
from layout_cases import QA, SENTIMENT, TEXT, layouts


@pytest.mark.slow
@layouts
@given(answer=TEXT)
def test_no_rendered_value_holds_a_stop_sequence(layout: Layout, answer: str) -> None:
    rendered = render_outputs(layout, QA, {"answer": answer})
    body = rendered.removesuffix(layout.closing("answer", layout.output_mark))
    assert not any(stop in body for stop in layout.stops(QA))


@pytest.mark.slow
@layouts
@given(question=TEXT, context=TEXT, answer=TEXT)
def test_rendering_is_byte_stable_and_shows_inputs_whole_but_for_what_is_escaped(
    layout: Layout, question: str, context: str, answer: str
) -> None:
    escape = escaping(layout, QA)
    demo = Demo(inputs={"question": question, "context": context}, outputs={"answer": answer})
    inputs: dict[str, Value] = {"question": context, "context": question}
    one, two = (render(layout, QA, instructions="Do it.", demos=[demo, demo], inputs=inputs) for _ in range(2))
    assert one == two
    assert escape.apply(question) in one.full_text
    assert escape.apply(context) in one.full_text


@layouts
def test_prompts_that_differ_in_their_inputs_share_all_before_them(layout: Layout) -> None:
    demo = Demo(inputs={"text": "Fine."}, outputs={"sentiment": "positive"})
    a, b = (
        render(layout, SENTIMENT, instructions="Judge.", demos=[demo] * 4, inputs={"text": text}).full_text
        for text in ("One.", "Two.")
    )
    head = a[: a.rindex("One.")]
    assert b.startswith(head)
    if layout.style == "raw":
        assert not a.endswith(" ")


def test_a_chat_shows_each_demo_as_a_turn() -> None:
    demo = Demo(inputs={"text": "Fine."}, outputs={"sentiment": "positive"})
    prompt = render(layout_named("chat"), SENTIMENT, instructions="Judge.", demos=[demo], inputs={"text": "Bad."})
    assert [(message.role, message.content) for message in prompt.messages] == [
        ("system", "Judge."),
        ("user", "Text: Fine.\nSentiment:"),
        ("assistant", "positive"),
        ("user", "Text: Bad.\nSentiment:"),
    ]


def test_a_raw_completion_is_the_text_up_to_the_cue() -> None:
    demo = Demo(inputs={"text": "Fine."}, outputs={"sentiment": "positive"})
    prompt = render(layout_named("plain"), SENTIMENT, instructions="Judge.", demos=[demo], inputs={"text": "Bad."})
    assert prompt.text == "Text: Fine.\nSentiment: positive\n\nText: Bad.\nSentiment:"
    assert prompt.stop == ("\n",)
