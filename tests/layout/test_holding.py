"""A grammar holds completions to the types of the outputs, in each layout that writes JSON."""

import json
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cribsheet.layout.catalogue import LAYOUTS, layout_named
from cribsheet.layout.holding import grammar_after_first, grammar_of, holding, schema_of
from cribsheet.layout.parsing import ParseFailure, parse, up_to_second
from cribsheet.layout.rendering import render
from cribsheet.models import Sampling
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import Integer, List, Record, ValueType
from tiny_gguf import tiny_gguf
from typed_values import SIMPLE, STRUCTURED

TEXT = (Field(name="text"),)
HELD = [name for name, (kind, _) in STRUCTURED.items() if isinstance(kind, Record | List)]


def signature_of(kind: ValueType) -> Signature:
    others = (
        Field(name="born", type=SIMPLE["date"][0], abstains=True, optional=True),
        Field(name="count", kind="integer"),  # type: ignore[call-arg]
        Field(name="mood", kind="label", labels=("good", "bad")),  # type: ignore[call-arg]
    )
    return Signature(name="Toy", instructions="", inputs=TEXT, outputs=(Field(name="found", type=kind), *others))


@pytest.fixture(scope="module")
def random_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedModel]:
    """An engine whose weights are random, so that what it writes by itself is never readable."""
    file = tiny_gguf("attention", tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    model = EmbeddedModel("embedded/tiny", path=file, context_window=1024)
    yield model
    model.close()


@pytest.mark.model
@pytest.mark.parametrize("layout", ["plain", "xml", "heading", "message"])
def test_an_engine_that_writes_nonsense_writes_values_if_it_is_held(layout: str, random_engine: EmbeddedModel) -> None:
    read = 0
    for name in HELD:
        signature = signature_of(STRUCTURED[name][0])
        own = layout_named(layout)
        prompt = render(own, signature, instructions="", demos=(), inputs={"text": "x"})
        sampling = Sampling(max_tokens=250, temperature=0.7, seed=len(name), grammar=grammar_of(own, signature))
        completion = random_engine.complete(prompt, sampling)
        if completion.finish_reason == "stop":
            found = parse(own, signature, completion.text)
            assert not isinstance(found, ParseFailure), (found, completion.text)
            read += 1
    assert read


NUMBERS = (Field(name="answer", kind="number"), Field(name="sure", kind="boolean"))  # type: ignore[call-arg]


@pytest.mark.model
@pytest.mark.parametrize("layout", ["plain", "xml", "heading", "message"])
def test_an_engine_that_writes_nonsense_ends_a_rationale_with_values(layout: str, random_engine: EmbeddedModel) -> None:
    reasoned = Signature(name="Toy", instructions="", inputs=TEXT, outputs=(Field(name="reasoning"), *NUMBERS))
    own = layout_named(layout)
    prompt = render(own, reasoned, instructions="", demos=(), inputs={"text": "x"})
    begun = up_to_second(own, reasoned, " It is easy.", is_cut=True)
    assert begun is not None
    sampling = Sampling(max_tokens=60, temperature=0.7, seed=1, grammar=grammar_after_first(own, reasoned))
    completion = random_engine.complete(prompt.followed_by(begun), sampling)
    found = parse(own, reasoned, begun + completion.text)
    assert not isinstance(found, ParseFailure), (found, completion.text)


def test_there_is_a_grammar_after_a_text_only_if_no_other_text_follows() -> None:
    layout, reasoning = LAYOUTS[0], Field(name="reasoning")
    rated, told = ((reasoning, *NUMBERS), (reasoning, Field(name="answer")))
    assert grammar_after_first(layout, Signature(name="T", instructions="", inputs=TEXT, outputs=rated))
    for outputs in (told, NUMBERS, NUMBERS[:1]):
        assert grammar_after_first(layout, Signature(name="T", instructions="", inputs=TEXT, outputs=outputs)) == ""


def test_there_is_a_grammar_only_where_all_structured_outputs_are_json() -> None:
    kind = STRUCTURED["people"][0]
    layout = LAYOUTS[0]
    assert grammar_of(layout, signature_of(kind)).startswith("root ::= ")
    assert grammar_of(layout.model_copy(update={"notations": {"found": "lines"}}), signature_of(kind)) == ""
    plain = Signature(name="Toy", instructions="", inputs=TEXT, outputs=(Field(name="answer"),))
    assert grammar_of(layout, plain) == ""


@settings(max_examples=20)
@given(word=st.text(alphabet='ab"\\\n\t[]{}', min_size=1, max_size=8))
def test_no_word_breaks_out_of_its_place_in_the_grammar(word: str) -> None:
    layout = LAYOUTS[0].model_copy(update={"verbalizers": {"unanswerable": word}})
    found = Field(name="found", type=STRUCTURED["texts"][0], abstains=True)
    grammar = grammar_of(layout, Signature(name="Toy", instructions="", inputs=TEXT, outputs=(found,)))
    _, *rules = grammar.split("\n")
    assert [rule.partition(" ::= ")[0] for rule in rules] == ["string"]


def test_there_is_a_json_schema_only_where_the_whole_answer_is_json() -> None:
    kind, layout = STRUCTURED["people"][0], LAYOUTS[0]
    alone = Signature(name="Toy", instructions="", inputs=TEXT, outputs=(Field(name="found", type=kind),))
    assert json.loads(schema_of(layout, alone)) == kind.json_schema()
    assert schema_of(layout_named("xml"), alone) == ""
    assert schema_of(layout, signature_of(kind)) == ""
    assert schema_of(layout.model_copy(update={"notations": {"found": "lines"}}), alone) == ""
    abstaining = Signature(
        name="Toy", instructions="", inputs=TEXT, outputs=(Field(name="found", type=kind, abstains=True),)
    )
    assert schema_of(layout, abstaining) == ""
    assert holding(layout, alone, "nothing") == ("", "")
    assert holding(layout, alone, "json_schema") == ("", schema_of(layout, alone))


def test_no_repetition_is_higher_than_llama_cpp_takes() -> None:
    field = Field(name="found", type=List(item=Integer(), least=2500, most=9000))
    signature = Signature(name="Toy", instructions="", inputs=(Field(name="text"),), outputs=(field,))
    grammar = grammar_of(layout_named("plain"), signature)
    assert "{999,}" in grammar
    assert not re.search(r"\d{5}|[2-9]\d{3}", grammar)
