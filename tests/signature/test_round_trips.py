"""Values made of others read back exactly, in each notation, layout and language."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cribsheet.layout import Layout
from cribsheet.layout.catalogue import LAYOUTS, layout_named
from cribsheet.layout.parsing import ParseFailure, parse
from cribsheet.layout.rendering import render_outputs
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import NOTATIONS, Integer, MappingType, Member, Record, ValueType, type_of_schema
from typed_values import SIMPLE, STRUCTURED

KINDS = {**STRUCTURED, **SIMPLE}
kinds = pytest.mark.parametrize("name", list(KINDS))


def signature_of(kind: ValueType, *, optional: bool = False) -> tuple[Signature, Signature]:
    """Return one signature whose only output is of the kind, and one where it comes between others."""
    text, own = Field(name="text"), Field(name="found", type=kind, abstains=True, optional=optional)
    before, after = Field(name="before"), Field(name="after", kind="boolean")  # type: ignore[call-arg]
    return (
        Signature(name="Toy", instructions="", inputs=(text,), outputs=(own,)),
        Signature(name="Toy", instructions="", inputs=(text,), outputs=(before, own, after)),
    )


def layouts_of(kind: ValueType, language: str) -> list[Layout]:
    return [
        layout.model_copy(update={"notations": {"found": notation}, "language": language})
        for layout in LAYOUTS
        for notation in kind.notations or ("",)
    ]


@pytest.mark.slow
@kinds
@settings(max_examples=12)
@given(data=st.data())
def test_a_value_reads_back_in_every_layout_notation_and_language(name: str, data: st.DataObject) -> None:
    kind, values = KINDS[name]
    optional = data.draw(st.booleans())
    absent = st.just(None) if optional else st.just(Unanswerable())
    value, language = data.draw(values | absent), data.draw(st.sampled_from(["en", "zh"]))
    alone, between = signature_of(kind, optional=optional)
    others = {"before": data.draw(st.sampled_from(["x", "Found: y", "- a\n- b"])), "after": True}
    for layout in layouts_of(kind, language):
        assert parse(layout, alone, render_outputs(layout, alone, {"found": value})) == {"found": value}
        outputs = {"before": others["before"], "found": value, "after": True}
        assert parse(layout, between, render_outputs(layout, between, outputs)) == outputs


@pytest.mark.slow
@kinds
@settings(max_examples=15)
@given(text=st.text(max_size=80) | st.text(alphabet=" -,;:\n\"[]{}()'a1无", max_size=60))
def test_whatever_a_model_writes_gives_a_value_of_the_kind_or_a_parse_failure(name: str, text: str) -> None:
    kind, _ = KINDS[name]
    for layout in layouts_of(kind, "en"):
        for signature in signature_of(kind):
            found = parse(layout, signature, text)
            if not isinstance(found, ParseFailure) and not isinstance(found["found"], Unanswerable):
                assert kind.coerce(found["found"]) == found["found"]


@kinds
def test_a_kind_made_of_others_is_found_again_by_its_json_schema(name: str) -> None:
    kind, _ = KINDS[name]
    assert type_of_schema(kind.json_schema()) == kind
    for optional in (False, True):
        field = Field(name="found", type=kind, abstains=True, optional=optional, description="told")
        assert Field.from_json_schema("found", field.json_schema()) == field


@kinds
def test_a_kind_says_how_it_is_written_in_each_notation(name: str) -> None:
    kind, _ = KINDS[name]
    assert kind.noun
    assert set(kind.notations) <= set(NOTATIONS)
    assert kind.is_structured or not kind.notations


def test_json_that_names_fields_in_another_order_is_no_free_text() -> None:
    kind, _ = KINDS["people or text"]
    assert kind.read('[{"age": 36, "name": "Ada"}]', str) != '[{"age": 36, "name": "Ada"}]'
    assert kind.read("see [1]", str) == "see [1]"


def test_a_list_of_one_record_is_no_record_where_both_may_be() -> None:
    kind, _ = KINDS["person or people"]
    ada: dict[str, Value] = {"age": 36, "name": "Ada", "city_of_birth": None}
    for raw in (ada, [ada], []):
        value = kind.coerce(raw)
        assert kind.read(kind.write(value, str), str) == value


def test_instructions_name_and_describe_the_members_of_a_record_and_name_the_labels_of_a_set() -> None:
    person, tags = STRUCTURED["people"][0], STRUCTURED["labels"][0]
    assert person.form_as(str, "json") == (
        "a list, each value a record with name (text), age (a whole number, or none), city_of_birth (text, or none: "
        "where she was born), is_member (one of false, true), as JSON"
    )
    assert tags.form_as(str, "inline").startswith("a set, each value one of a b, c, d, none, 3, on one line")


@pytest.mark.parametrize(
    ("name", "said", "twice"),
    [
        ("mapping", '{"a": 1, "a": 2}', "a"),
        ("mapping", "{'a': 1, 'a': 2}", "a"),
        ("mapping", '{"a": 1, "a": 2,}', "a"),
        ("people", "[{'name': 'Ann', 'age': 3, 'name': 'Bob'}]", "name"),
    ],
)
def test_a_name_that_comes_twice_is_a_parse_failure_as_json_and_as_python_writes_it(
    name: str, said: str, twice: str
) -> None:
    kind, _ = KINDS[name]
    with pytest.raises(ValueError, match=f"names '{twice}' twice"):
        kind.read(said, str)


@pytest.mark.parametrize(
    ("name", "said", "value"),
    [
        ("texts", "Ann, Bob\nCleo", ["Ann", "Bob", "Cleo"]),
        ("mapping", "a: 1\r\n\r\nb: 2", {"a": 1, "b": 2}),
        ("person", "name: Ann\nage: 3", {"name": "Ann", "age": 3, "city_of_birth": None, "is_member": True}),
        ("pair", "Ann,\n3", ["Ann", 3]),
    ],
)
def test_what_a_model_writes_on_several_lines_instead_of_one_is_not_taken_for_a_text(
    name: str, said: str, value: Value
) -> None:
    kind, _ = KINDS[name]
    assert kind.read_as(said, str, "inline") == value


@pytest.mark.parametrize(
    "said",
    [
        ' {"name": "Ann", "age": 3, "city_of_birth": null}',
        '{\n  "name": "Ann",\n  "age": 3,\n  "city_of_birth": null\n}\nThat is all.',
        '```json\n{\n  "name": "Ann",\n  "age": 3,\n  "city_of_birth": null\n}\n```',
        "Sure: {'name': 'Ann', 'age': 3, 'city_of_birth': None,}",
    ],
)
def test_json_that_chat_models_write_over_several_lines_is_read(said: str) -> None:
    alone, _ = signature_of(STRUCTURED["person"][0])
    layout = layout_named("message")
    (stop,) = layout.stops(alone)
    assert stop not in said
    found = {"name": "Ann", "age": 3, "city_of_birth": None, "is_member": True}
    assert parse(layout, alone, said) == {"found": found}


@pytest.mark.parametrize(("layout", "name"), [("plain", "After"), ("lower-case", "after"), ("chat", "After")])
def test_a_first_name_that_is_also_the_next_output_does_not_pass_for_it(layout: str, name: str) -> None:
    own = layout_named(layout).model_copy(update={"notations": {"found": "lines"}})
    for kind in (MappingType(item=Integer()), Record(members=(Member(name=name, type=Integer()),))):
        _, between = signature_of(kind)
        outputs: dict[str, Value] = {"before": "x", "found": {name: 1}, "after": True}
        assert parse(own, between, render_outputs(own, between, outputs)) == outputs
