"""Signatures, values and layouts that rendering and parsing are tried on."""

import pytest
from hypothesis import strategies as st

from cribsheet.layout import Layout
from cribsheet.layout.catalogue import LAYOUTS
from cribsheet.layout.parsing import parse
from cribsheet.layout.rendering import render_outputs
from cribsheet.outcomes import Value
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
