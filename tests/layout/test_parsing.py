"""What is rendered reads back, and nothing that a model writes raises."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cribsheet.layout import Layout
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure, parse
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import Text
from layout_cases import MIXED, QA, REASON, SENTIMENT, TEXT, layouts, read_back


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


@pytest.mark.slow
@layouts
@given(reason=REASON)
def test_unanswerable_reads_back_with_its_reason_where_the_layout_shows_it(layout: Layout, reason: str | None) -> None:
    shown = reason if layout.reasons else None
    assert read_back(layout, QA, {"answer": Unanswerable(reason=reason)}) == {"answer": Unanswerable(reason=shown)}


@layouts
@pytest.mark.parametrize("label", ["negative", "positive"])
def test_every_label_reads_back(layout: Layout, label: str) -> None:
    assert read_back(layout, SENTIMENT, {"sentiment": label}) == {"sentiment": label}


@pytest.mark.slow
@layouts
@given(
    reasoning=TEXT,
    total=st.integers(),
    ratio=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.just(Unanswerable())),
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


@pytest.mark.slow
@layouts
@given(text=st.text(max_size=200))
def test_parsing_never_raises(layout: Layout, text: str) -> None:
    for signature in (QA, SENTIMENT, MIXED):
        parsed = parse(layout, signature, text)
        assert isinstance(parsed, ParseFailure) or set(parsed) == signature.output_names


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


@pytest.mark.parametrize(
    ("completion", "value"),
    [(" Yes, it is", True), ("true", True), (" False.", False), ("no, true", False), ("It is true", None)],
)
def test_a_truth_value_is_also_read_by_its_own_name(completion: str, value: bool | None) -> None:
    signature = Signature(
        name="Fair", instructions="", inputs=(Field(name="text"),), outputs=(Field(name="fair", kind="boolean"),)
    )
    assert parse(layout_named("plain"), signature, completion).get("fair") is value


def test_an_abstention_in_a_sentence_is_an_abstention_with_a_reason() -> None:
    parsed = parse(layout_named("plain"), QA, " Unanswerable. The text is about gravity.\n\nQuestion:")
    assert parsed == {"answer": Unanswerable(reason="The text is about gravity.")}


def test_a_reason_with_half_a_character_stays_as_it_was_written() -> None:
    parsed = parse(layout_named("plain"), QA, r' unanswerable: "half \ud800"')
    assert parsed == {"answer": Unanswerable(reason=r'"half \ud800"')}


def alone(field: Field) -> Signature:
    return Signature(name="Toy", instructions="", inputs=(Field(name="text"),), outputs=(field,))


@pytest.mark.parametrize(
    "labels", [("*", "**", "***"), ('"q"', "q"), ("x\ny", "x"), (" a", "b "), ("unanswerable question", "x")]
)
def test_odd_labels_read_back_beside_an_abstention(labels: tuple[str, ...]) -> None:
    signature = alone(Field(name="found", kind="label", labels=labels, abstains=True))  # type: ignore[call-arg]
    for layout in (layout_named("plain"), layout_named("xml")):
        layout.check(signature)
        for value in (*labels, Unanswerable()):
            assert read_back(layout, signature, {"found": value}) == {"found": value}


def test_a_number_of_thousands_of_digits_is_a_parse_failure() -> None:
    for kind in ("integer", "boolean"):
        found = parse(layout_named("plain"), alone(Field(name="found", kind=kind)), f"[{'9' * 5000}, 1]")  # type: ignore[call-arg]
        assert isinstance(found, ParseFailure)


@pytest.mark.parametrize("said", ['"half \\ud800"', '"too long a text"'])
def test_a_text_in_quotes_is_checked_like_any_other(said: str) -> None:
    found = parse(layout_named("plain"), alone(Field(name="found", type=Text(most=8))), said)
    assert isinstance(found, ParseFailure)
    assert "found has" in found.reason or "found must have" in found.reason
