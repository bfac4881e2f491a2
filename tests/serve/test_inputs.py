"""Inputs are read from JSON, or from the text of a message."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cribsheet.outcomes import Unanswerable
from cribsheet.serve.inputs import inputs_of_json, inputs_of_text
from cribsheet.serve.refusals import Refusal
from cribsheet.signature import Field
from cribsheet.signature.types import Date, Label, List

TEXT = (Field(name="text"),)
QA = (Field(name="question"), Field(name="the_context"))
KINDS = (
    Field(name="label", kind="label", labels=("a", "b")),
    Field(name="level", kind="label", labels=(1, 2)),
    Field(name="count", kind="integer"),
    Field(name="share", kind="number"),
    Field(name="fits", kind="boolean"),
    Field(name="note", abstains=True),
    Field(name="tags", type=List(item=Label(labels=("old", "new")), unique=True)),
    Field(name="since", type=Date(), abstains=True, optional=True, has_default=True),
)
FITTING = {
    "label": "a",
    "level": 2,
    "count": 3,
    "share": 1,
    "fits": False,
    "note": {"unanswerable": None},
    "tags": ["new"],
}


def test_values_of_the_right_types_are_taken() -> None:
    typed = inputs_of_json(FITTING, KINDS)
    assert typed == {"label": "a", "level": 2, "count": 3, "share": 1.0, "fits": False, "note": Unanswerable()} | {
        "tags": ["new"],
        "since": None,
    }
    assert inputs_of_json(FITTING | {"since": "2024-05-01", "tags": ["new", "old"]}, KINDS)["tags"] == ["old", "new"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("label", "c"),
        ("label", None),
        ("level", "2"),
        ("level", True),
        ("count", "3"),
        ("count", 3.5),
        ("share", "0.5"),
        ("share", True),
        ("fits", "true"),
        ("fits", 1),
        ("note", 7),
        ("note", {"unanswerable": 3}),
        ("note", ["a"]),
        ("tags", ["west"]),
        ("tags", '["new"]'),
        ("tags", [["new"]]),
        ("since", "soon"),
        ("since", 3),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(Refusal, match=name) as refused:
        inputs_of_json(FITTING | {name: value}, KINDS)
    assert refused.value.status == 422


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert inputs_of_json(FITTING | {"count": 3.0}, KINDS)["count"] == 3


def test_missing_and_unknown_inputs_are_named() -> None:
    with pytest.raises(Refusal, match="'the_context' is missing"):
        inputs_of_json({"question": "Who?"}, QA)
    with pytest.raises(Refusal, match="no input 'txt'"):
        inputs_of_json({"text": "Hm.", "txt": "Hm."}, TEXT)


def test_a_single_input_is_the_whole_message() -> None:
    assert inputs_of_text('{"text": "a"}\n', TEXT) == {"text": '{"text": "a"}\n'}
    assert inputs_of_text(" 12 ", (Field(name="count", kind="integer"),)) == {"count": 12}


@pytest.mark.parametrize(
    "message",
    [
        '{"question": "Who?", "the_context": "Anne\\nFrank."}',
        "question: Who?\nthe_context: Anne\nFrank.",
        "Question: Who?\nThe context:\nAnne\nFrank.\n",
        "  THE CONTEXT: Anne\nFrank.\n\nquestion：Who?",
    ],
)
def test_several_inputs_are_an_object_or_lines(message: str) -> None:
    assert inputs_of_text(message, QA) == {"question": "Who?", "the_context": "Anne\nFrank."}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Who was Anne Frank?", "does not begin with the name of an input"),
        ("Please. question: Who?", "does not begin with the name of an input"),
        ("question: Who?", "'the_context' is missing"),
        ("question: Who?\nquestion: When?\nthe_context: x", "two lines that begin with 'question'"),
        ('{"question": "Who?"', "begins as a JSON object but is none"),
        ("", "does not begin with the name of an input"),
    ],
)
def test_another_message_is_refused_with_the_ways_to_write_it(message: str, reason: str) -> None:
    with pytest.raises(Refusal, match=reason):
        inputs_of_text(message, QA)


@settings(max_examples=30)
@given(question=st.text(), context=st.text())
def test_any_message_is_read_or_refused(question: str, context: str) -> None:
    with suppress(Refusal):
        told = inputs_of_text(f"question: {question}\nthe_context: {context}", QA)
        assert set(told) == {"question", "the_context"}
