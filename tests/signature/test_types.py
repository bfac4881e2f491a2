"""What every kind of value does: it is declared, coerced, written and read back."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.errors import SignatureError
from cribsheet.layout.catalogue import LAYOUTS
from cribsheet.layout.parsing import parse
from cribsheet.layout.rendering import render_outputs
from cribsheet.outcomes import Value
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import (
    TYPES,
    Decimal,
    Integer,
    Label,
    List,
    Number,
    Optional,
    Record,
    SchemaReader,
    Text,
    ValueType,
    Verbalizer,
    type_of_schema,
)
from cribsheet.signature.types._notation import NOTATIONS
from cribsheet.signature.types.record import Member
from typed_values import SIMPLE, STRUCTURED


class Grade(ValueType):
    """A toy kind: the letters A to F, written in brackets."""

    kind: Literal["grade"] = "grade"

    noun: ClassVar[str] = "a grade"

    def coerce(self, raw: object) -> Value:
        text = str(raw).strip().upper()
        if text not in tuple("ABCDEF"):
            raise ValueError(f"must be a grade from A to F but got {raw!r}")
        return text

    def write(self, value: Value, word: Verbalizer) -> str:
        return f"[{value}]"

    def read(self, text: str, word: Verbalizer) -> Value:
        return self.coerce(text.strip("[] ."))

    def form(self, word: Verbalizer) -> str:
        return "a letter in brackets"

    def reading(self, word: Verbalizer) -> str:
        return "is a letter in brackets"

    def json_schema(self) -> Mapping[str, Any]:
        return {"type": "string", "pattern": "^[A-F]$"}

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Any], inner: SchemaReader) -> Self | None:
        return cls() if schema.get("pattern") == "^[A-F]$" else None


VALUES: dict[str, st.SearchStrategy[Value]] = {
    "text": st.text(max_size=30),
    "label": st.sampled_from(["small", "large", "largest", 3]),
    "boolean": st.booleans(),
    "integer": st.integers(),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "grade": st.sampled_from("ABCDEF"),
    "list": STRUCTURED["texts"][1],
    "tuple": STRUCTURED["pair"][1],
    "mapping": STRUCTURED["mapping"][1],
    "record": STRUCTURED["person"][1],
    "optional": st.none() | st.integers(),
    **{kind: values for kind, (_, values) in SIMPLE.items()},
}
MADE: dict[str, ValueType] = {
    "grade": Grade(),
    "label": Label(labels=("small", "large", "largest", 3)),
    "list": STRUCTURED["texts"][0],
    "tuple": STRUCTURED["pair"][0],
    "mapping": STRUCTURED["mapping"][0],
    "record": STRUCTURED["person"][0],
    "optional": Optional(item=Integer()),
    "union": SIMPLE["union"][0],
}
"""The kinds that have to be told more than their name."""


def type_of(kind: str) -> ValueType:
    return MADE.get(kind) or TYPES[kind].model_validate({})


def signature_of(kind: str) -> Signature:
    return Signature(
        name="Toy",
        instructions="",
        inputs=(Field(name="text"),),
        outputs=(Field(name="found", type=type_of(kind), abstains=kind != "optional"),),
    )


def test_every_kind_is_tried_here() -> None:
    assert set(VALUES) == {*TYPES, "grade"}


kinds = pytest.mark.parametrize("kind", list(VALUES))


@pytest.mark.slow
@kinds
@given(data=st.data())
def test_a_value_reads_back_in_every_layout(kind: str, data: st.DataObject) -> None:
    value, signature = data.draw(VALUES[kind]), signature_of(kind)
    for layout in LAYOUTS:
        again = parse(layout, signature, render_outputs(layout, signature, {"found": value}))
        assert again == {"found": value}
        assert type(again["found"]) is type(value)  # type: ignore[index]


@pytest.mark.slow
@kinds
@given(data=st.data())
def test_a_value_is_coerced_from_itself_and_from_the_text_of_a_cell(kind: str, data: st.DataObject) -> None:
    value, own = data.draw(VALUES[kind]), type_of(kind)
    assert own.coerce(value) == value
    if kind not in ("optional", "union"):  # a cell's text is one of its values, or stands for none
        assert own.coerce(own.write(value, str) if own.is_structured else str(value)) == value


@kinds
def test_a_kind_is_found_again_by_its_json_schema(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cribsheet.signature.types.TYPES", {"grade": Grade, **TYPES})
    field = Field(name="found", type=type_of(kind), abstains=True, description="told")
    assert Field.from_json_schema("found", field.json_schema()) == field


@pytest.mark.slow
@kinds
@given(text=st.text(max_size=60))
def test_reading_any_text_gives_a_value_of_the_kind_or_says_why_not(kind: str, text: str) -> None:
    own, value, reason = type_of(kind), None, ""
    try:
        value = own.read(text.strip(), str)
    except ValueError as error:
        reason = str(error)
    assert reason or own.coerce(value) == value


@kinds
def test_a_kind_says_what_it_is(kind: str) -> None:
    own = type_of(kind)
    assert own.noun
    assert own.metavar
    assert own.reading(str)
    assert bool(own.form(str)) is not own.is_text
    assert own.outcomes == tuple(own.outcome_of(own.value_of(outcome)) for outcome in own.outcomes)


def test_labels_that_differ_in_case_alone_are_told_apart() -> None:
    for labels in (("Apple", "apple"), ("apple", "Apple")):
        own = Label(labels=labels)
        assert [own.read(label, str) for label in labels] == list(labels)


@pytest.mark.parametrize("labels", [(), ("a", " a "), (1, "1"), ("", "a"), (" ",)])
def test_labels_that_are_none_or_the_same_as_text_are_refused(labels: tuple[str | int, ...]) -> None:
    with pytest.raises(SignatureError, match="label"):
        Label(labels=labels)


def test_the_short_form_of_a_field_names_the_kind() -> None:
    assert Field(name="x") == Field(name="x", type=Text()) == Field(name="x", kind="text")  # type: ignore[call-arg]


def test_bounds_of_decimals_are_checked_to_the_last_digit_and_kept_in_the_json_schema() -> None:
    price = Decimal(minimum=0.01, below=100)
    assert [price.coerce(one) for one in ("0.01", "99.99", 5)] == ["0.01", "99.99", "5"]
    assert type_of_schema(price.json_schema()) == price
    for text, bound in (("0.009", "at least 0.01"), ("-5", "at least 0.01"), ("100.00", "less than 100")):
        with pytest.raises(ValueError, match=f"must be {bound}.* but got {text}"):
            price.read(text, str)


def test_a_label_that_is_a_number_takes_a_fraction_of_0_as_json_schema_does() -> None:
    assert Label(labels=(1, 2)).coerce(2.0) == 2
    assert Label(labels=("1.0", "1")).coerce(1.0) == "1.0"
    for raw in (2.5, 3.0, float("inf")):
        with pytest.raises(ValueError, match=f"must be one of 1, 2 but got {raw}"):
            Label(labels=(1, 2)).coerce(raw)


def test_a_whole_number_takes_a_fraction_of_0_as_json_schema_does() -> None:
    field = Field(name="count", kind="integer")
    assert (field.coerce(2.0), type(field.coerce(2.0))) == (2, int)
    assert not field.accepts(2.5)
    assert not field.accepts(float("inf"))


@pytest.mark.parametrize(
    ("text", "whole", "number", "decimal"),
    [
        ("about 1,200 people", 1200, 1200.0, "1200"),
        ("1e5", 100_000, 100_000.0, "100000"),
        ("−5 °C", -5, -5.0, "-5"),
        ("气温-5度", -5, -5.0, "-5"),
        ("Apollo-11", 11, 11.0, "11"),
        ("3, 4", 3, 3.0, "3"),
        ("3,4", 3, 3.0, "3"),
        ("5.0", 5, 5.0, "5.0"),
        ("1２", 12, 12.0, "12"),
        ("3.7", None, 3.7, "3.7"),
        ("３．７公里", None, 3.7, "3.7"),
        ("it is .5", None, 0.5, "0.5"),
        ("seven", None, None, None),
        ("1e999", None, None, None),
    ],
)
def test_the_first_number_in_a_text_is_read_or_none(
    text: str, whole: int | None, number: float | None, decimal: str | None
) -> None:
    for kind, value in ((Integer(), whole), (Number(), number), (Decimal(), decimal)):
        if value is None:
            with pytest.raises(ValueError, match=r"number"):
                kind.read(text, str)
        else:
            assert kind.read(text, str) == value


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_whole_float_is_written_without_a_fraction_in_every_notation(notation: str) -> None:
    numbers = List(item=Number())
    assert numbers.write_as([36.0, 2.5], str, notation).split(".0") == [numbers.write_as([36, 2.5], str, notation)]
    assert Number().write(36.0, str) == "36"


@pytest.mark.parametrize(
    ("notation", "text"), [("lines", "day: Sunday\nguests: 2"), ("inline", "day: Sunday, guests: 2")]
)
def test_a_member_that_cannot_be_read_is_named(notation: str, text: str) -> None:
    booking = Record(
        members=(Member(name="day", type=Label(labels=("Monday",))), Member(name="guests", type=Integer())),
    )
    with pytest.raises(ValueError, match=r"has a wrong day: it must be one of Monday.*Sunday"):
        booking.read_as(text, str, notation)


def test_a_message_lists_some_of_very_many_labels() -> None:
    kind = Label(labels=tuple(range(10_000)))
    for read in (lambda: kind.coerce("x"), lambda: kind.read("x", str)):
        with pytest.raises(ValueError, match="98, 99 and 9,900 further") as told:
            read()
        assert len(str(told.value)) < 1000
    assert kind.metavar == "LABEL"
    assert Label(labels=tuple(range(77))).metavar.endswith("75|76")
