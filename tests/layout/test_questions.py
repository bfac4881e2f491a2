"""Typed questions: what they ask, which outcomes they can have, how they are read."""

import math

import pytest

from cribsheet.dataset.examples import Demo
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import QUESTIONS, layout_named
from cribsheet.layout.questions import answered_logprobs, question_of, suits
from cribsheet.layout.rendering import render
from cribsheet.layout.template import Slot, template
from cribsheet.signature import Field, Signature
from toys import QA, SENTIMENT

MOOD = SENTIMENT.outputs[0]
FIT = Field(name="fit", kind="boolean")
STARS = Field(name="stars", kind="label", labels=(1, 2, 3))
GRADES = Field(name="grade", kind="label", labels=("3", "2", "1"))
MANY = Field(name="topic", kind="label", labels=tuple(f"topic {place}" for place in range(300)))
MAYBE = Field(name="fit", kind="boolean", abstains=True)


def asking_for(*fields: Field) -> Signature:
    return Signature(name="Asked", instructions="Look.", inputs=(Field(name="text"),), outputs=fields)


@pytest.mark.parametrize(
    ("fields", "styles"),
    [
        ((MOOD,), {"choice", "described_choice", "noul"}),
        ((FIT,), {"choice", "described_choice", "noul"}),
        ((STARS,), {"choice", "described_choice", "score"}),
        ((GRADES,), {"choice", "described_choice"}),
        ((MAYBE,), {"choice", "described_choice"}),
        ((MANY,), set()),
        ((MOOD, FIT), set()),
        ((Field(name="answer"),), set()),
    ],
)
def test_a_question_suits_the_outcomes_that_its_answers_can_be(fields: tuple[Field, ...], styles: set[str]) -> None:
    assert {layout.style for layout in QUESTIONS if suits(layout, asking_for(*fields))} == styles


def test_a_layout_that_is_no_question_suits_nothing() -> None:
    assert not suits(layout_named("plain"), SENTIMENT)


@pytest.mark.parametrize(
    ("name", "field", "asked"),
    [
        ("choice", MOOD, "Look."),
        ("choice-short", MOOD, "Sentiment?"),
        ("noul", MOOD, "Look. Sentiment: positive?"),
        ("noul-short", FIT, "Fit?"),
        ("score", STARS, "Look."),
    ],
)
def test_the_question_is_the_instructions_or_short(name: str, field: Field, asked: str) -> None:
    question = question_of(layout_named(name), field, "Look.")
    assert (question.instructions, question.name) == (asked, field.name)
    assert question_of(layout_named(name), field, "").instructions


def test_other_words_for_the_outcomes_are_other_options_and_are_read_back() -> None:
    layout = layout_named("choice-described").model_copy(
        update={"verbalizers": {"negative": "bad", "positive": "good"}}
    )
    question = question_of(layout, MOOD, "Look.")
    assert [(one.word, one.description) for one in question.options] == [
        ("bad", "Sentiment: bad"),
        ("good", "Sentiment: good"),
    ]
    told = answered_logprobs(layout, MOOD, {"bad": math.log(0.2), "good": math.log(0.8)})
    assert told == pytest.approx({"negative": math.log(0.2), "positive": math.log(0.8)})


def test_an_option_that_begins_like_another_gets_its_own_probability() -> None:
    field = Field(name="kind", kind="label", labels=("art", "article"))
    told = answered_logprobs(Layout(name="x", style="choice"), field, {"art": math.log(0.1), "article": math.log(0.9)})
    assert math.exp(told["article"]) == pytest.approx(0.9)


def test_the_state_holds_the_demos_with_their_answers_and_then_the_inputs_without_one() -> None:
    demos = [Demo(inputs={"text": "Dull."}, outputs={"sentiment": "negative"})]
    prompt = render(layout_named("choice"), SENTIMENT, instructions="Look.", demos=demos, inputs={"text": "Fine."})
    assert prompt.text == "Text: Dull.\nSentiment: negative\n\nText: Fine."
    assert (prompt.stop, prompt.messages) == ((), ())
    assert "choice: Look." in prompt.full_text


@pytest.mark.parametrize("layout", QUESTIONS, ids=lambda layout: layout.name)
def test_the_template_has_the_question_and_a_slot_for_each_input(layout: Layout) -> None:
    field = STARS if layout.style == "score" else MOOD
    signature = QA.model_copy(update={"outputs": (field,)})
    opened = template(layout, signature, instructions="Look.", demos=[])
    assert {piece.field for piece in opened.text if isinstance(piece, Slot)} == {"question", "context"}
    assert opened.question == question_of(layout, field, "Look.")
