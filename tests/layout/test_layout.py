"""Layouts are data: the catalogue, and what a layout refuses."""

import pytest

from cribsheet.errors import LayoutError
from cribsheet.layout import Layout, Mark
from cribsheet.layout.catalogue import LAYOUTS, layout_named
from cribsheet.signature import Field, Signature
from layout_cases import QA, SENTIMENT, read_back


def test_the_catalogue_differs_in_what_it_should() -> None:
    assert len({layout.model_copy(update={"name": ""}).model_dump_json() for layout in LAYOUTS}) >= 12
    assert {layout.style for layout in LAYOUTS} == {"raw", "one_message", "chat_turns"}
    assert {layout.lead for layout in LAYOUTS} == {"first", "last", "both"}


def test_two_outcomes_that_would_read_the_same_are_refused() -> None:
    layout = Layout(name="odd", style="raw", verbalizers={"negative": "good", "positive": "Good"})
    with pytest.raises(LayoutError, match="verbalizer of its own"):
        layout.check(SENTIMENT)


def test_outcomes_that_the_user_named_alike_but_for_their_case_are_told_apart() -> None:
    field = Field(name="word", kind="label", labels=("US", "us"))
    signature = Signature(name="Words", instructions="", inputs=(Field(name="text"),), outputs=(field,))
    layout = Layout(name="plain", style="raw")
    layout.check(signature)
    assert read_back(layout, signature, {"word": "US"}) == {"word": "US"}
    assert read_back(layout, signature, {"word": "us"}) == {"word": "us"}


def test_an_unknown_layout_is_answered_with_the_known_ones() -> None:
    with pytest.raises(LayoutError, match="message-tags"):
        layout_named("fancy")


def test_marks_of_ones_own_are_enough_for_a_new_layout() -> None:
    layout = Layout(name="own", style="raw", output_mark=Mark(open="A>", close="<END>"), instructions_at="none")
    assert read_back(layout, QA, {"answer": "x<END>y"}) == {"answer": "x<END>y"}
