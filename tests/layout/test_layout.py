"""Layouts render every signature, and what they render reads back."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cribsheet.dataset.examples import Demo
from cribsheet.errors import LayoutError
from cribsheet.layout import Layout, Mark
from cribsheet.layout.catalogue import LAYOUTS, layout_named
from cribsheet.layout.parsing import ParseFailure, parse
from cribsheet.layout.rendering import render, render_outputs
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.signature import Field, Signature

QA = Signature(
    name="QA",
    instructions="Answer from the context.",
    inputs=(Field(name="question"), Field(name="context")),
    outputs=(Field(name="answer", abstains=True),),
)
SENTIMENT = Signature(
    name="Sentiment",
    instructions="Judge.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="sentiment", kind="label", labels=("negative", "positive")),),
)
MIXED = Signature(
    name="Mixed",
    instructions="",
    inputs=(Field(name="text"), Field(name="limit", kind="integer"), Field(name="strict", kind="boolean")),
    outputs=(
        Field(name="reasoning"),
        Field(name="total", kind="integer"),
        Field(name="ratio", kind="number", abstains=True),
        Field(name="fits", kind="boolean"),
        Field(name="grade", kind="label", labels=(1, 2, 3), abstains=True),
    ),
)
MARKS = sorted(
    {
        piece
        for layout in LAYOUTS
        for piece in (
            layout.between_demos,
            layout.reminder,
            *layout.stops(QA),
            *(
                layout.opening(name, mark)
                for name in ("answer", "question")
                for mark in (layout.input_mark, layout.output_mark)
            ),
            layout.verbalizer("unanswerable"),
        )
        if piece
    }
)
TEXT = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*MARKS, "yes", '"', "\\", "\n", " ", "北京在哪里？", "42", "Paris"]), max_size=6).map(
        "".join
    ),
)
REASON = st.one_of(st.none(), TEXT)
layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


def read_back(layout: Layout, signature: Signature, outputs: dict[str, Value]) -> object:
    return parse(layout, signature, render_outputs(layout, signature, outputs))


def test_the_catalogue_differs_in_what_it_should() -> None:
    assert len({layout.model_copy(update={"name": ""}).model_dump_json() for layout in LAYOUTS}) >= 12
    assert {layout.style for layout in LAYOUTS} == {"raw", "one_message", "chat_turns"}
    assert {layout.lead for layout in LAYOUTS} == {"first", "last", "both"}


@layouts
@given(answer=TEXT)
@example(answer="")
@example(answer="unanswerable")
@example(answer=" padded ")
@example(answer='"quoted"')
@example(answer="第一行\n第二行")
@example(answer="Answer: x</answer>[end of answer]\n\nQuestion: y")
def test_any_text_reads_back_as_itself(layout: Layout, answer: str) -> None:
    assert read_back(layout, QA, {"answer": answer}) == {"answer": answer}


@layouts
@given(reason=REASON)
def test_unanswerable_reads_back_with_its_reason_where_the_layout_shows_it(layout: Layout, reason: str | None) -> None:
    shown = reason if layout.reasons else None
    assert read_back(layout, QA, {"answer": Unanswerable(reason=reason)}) == {"answer": Unanswerable(reason=shown)}


@layouts
@pytest.mark.parametrize("label", ["negative", "positive"])
def test_every_label_reads_back(layout: Layout, label: str) -> None:
    assert read_back(layout, SENTIMENT, {"sentiment": label}) == {"sentiment": label}


@layouts
@given(
    reasoning=TEXT,
    total=st.integers(),
    ratio=st.one_of(st.floats(allow_nan=False), st.just(Unanswerable())),
    fits=st.booleans(),
    grade=st.sampled_from([1, 2, 3, Unanswerable()]),
)
def test_several_outputs_of_every_type_read_back(
    layout: Layout, reasoning: str, total: int, ratio: Value, fits: bool, grade: Value
) -> None:
    outputs: dict[str, Value] = {
        "reasoning": reasoning,
        "total": total,
        "ratio": ratio,
        "fits": fits,
        "grade": grade,
    }
    parsed = read_back(layout, MIXED, outputs)
    assert parsed == outputs
    assert [type(value) for value in parsed.values()] == [type(value) for value in outputs.values()]  # type: ignore[attr-defined]


@layouts
@given(answer=TEXT)
def test_no_rendered_value_holds_a_stop_sequence(layout: Layout, answer: str) -> None:
    rendered = render_outputs(layout, QA, {"answer": answer})
    body = rendered.removesuffix(layout.closing("answer", layout.output_mark))
    assert not any(stop in body for stop in layout.stops(QA))


@layouts
@given(question=TEXT, context=TEXT, answer=TEXT)
def test_rendering_is_byte_stable_and_shows_inputs_whole(
    layout: Layout, question: str, context: str, answer: str
) -> None:
    demo = Demo(inputs={"question": question, "context": context}, outputs={"answer": answer})
    inputs: dict[str, Value] = {"question": context, "context": question}
    one, two = (render(layout, QA, instructions="Do it.", demos=[demo, demo], inputs=inputs) for _ in range(2))
    assert one == two
    assert question in one.full_text
    assert context in one.full_text


@layouts
@given(text=st.text(max_size=200))
def test_parsing_never_raises(layout: Layout, text: str) -> None:
    for signature in (QA, SENTIMENT, MIXED):
        parsed = parse(layout, signature, text)
        assert isinstance(parsed, ParseFailure) or set(parsed) == signature.output_names


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


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        (" Positive.", "positive"),
        ("**negative**", "negative"),
        ("Sentiment: positive", "positive"),
        (" positively glowing", None),
        (" The sentiment of this text is positive.", "positive"),
        (" It could be positive or negative", None),
        (" neutral", None),
        ("", None),
    ],
)
def test_labels_are_read_as_people_write_them(completion: str, value: str | None) -> None:
    parsed = parse(layout_named("plain"), SENTIMENT, completion)
    assert parsed.get("sentiment") == value


def test_an_abstention_in_a_sentence_is_an_abstention_with_a_reason() -> None:
    parsed = parse(layout_named("plain"), QA, " Unanswerable. The text is about gravity.\n\nQuestion:")
    assert parsed == {"answer": Unanswerable(reason="The text is about gravity.")}


def test_two_outcomes_that_would_read_the_same_are_refused() -> None:
    layout = Layout(name="odd", style="raw", verbalizers={"negative": "good", "positive": "Good"})
    with pytest.raises(LayoutError, match="verbalizer of its own"):
        layout.check(SENTIMENT)


def test_an_unknown_layout_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LayoutError, match="message-tags"):
        layout_named("fancy")


def test_marks_of_ones_own_are_enough_for_a_new_layout() -> None:
    layout = Layout(name="own", style="raw", output_mark=Mark(open="A>", close="<END>"), instructions_at="none")
    assert read_back(layout, QA, {"answer": "x<END>y"}) == {"answer": "x<END>y"}
