"""What is shown of a frozen file is what is in it, to the byte."""

from cribsheet.corrections.guard import Guard
from cribsheet.corrections.pointer import Pointer
from cribsheet.corrections.readout import Readout
from cribsheet.dataset.examples import Demo
from cribsheet.frozen.running import prompt_text
from cribsheet.layout.catalogue import LAYOUTS
from cribsheet.report.description import prompt_facts, prompt_with_placeholders
from cribsheet.signature import Field, Signature
from frozen_toys import toy_prompt
from toys import QA

ORDER = Signature(
    name="Order",
    instructions="Read the order.",
    inputs=(
        Field(name="text"),
        Field(name="is_urgent", kind="boolean"),
        Field(name="size", kind="label", labels=("small", "large")),
        Field(name="weight", kind="number"),
    ),
    outputs=(Field(name="pieces", kind="integer"),),
)
INPUTS = {"text": "Two, please.", "is_urgent": True, "size": "small", "weight": 2.5}
SHOWN = {"«text»": "Two, please.", "«is_urgent»": "yes", "«size»": "small", "«weight»": "2.5"}


def test_placeholders_stand_where_the_inputs_go_in_every_layout() -> None:
    demo = Demo(inputs={"text": "One.", "is_urgent": False, "size": "large", "weight": 1.0}, outputs={"pieces": 1})
    for layout in LAYOUTS:
        prompt = toy_prompt(ORDER, layout.name, (demo,))
        text = prompt_with_placeholders(prompt).full_text
        for placeholder, value in SHOWN.items():
            assert placeholder in text
            text = text.replace(placeholder, layout.verbalizer("true") if value == "yes" else value)
        assert text == prompt_text(prompt, INPUTS).full_text


def test_the_guards_place_and_weights_are_told() -> None:
    guard = Guard(
        field="answer",
        context="context",
        lead=("question",),
        weights={"coverage": 4.0},
        intercept=-1.0,
        threshold=0.5,
        least_coverage=0.1,
    )
    facts = prompt_facts(toy_prompt(QA).with_corrections(guard))
    told = " ".join(str(cell) for column in facts.columns for cell in column.cells)
    assert "coverage 0.100" in told
    assert "coverage +4.000, intercept -1.000, threshold 0.500" in told


def test_what_is_read_out_is_told_by_what_says_most_for_each_outcome() -> None:
    weights = {" fun": {"positive": 1.0, "negative": -1.0}, " dull": {"positive": -2.0, "negative": 0.5}}
    readout = Readout(usual={" fun": -3.0, " dull": -4.0}, weights=weights, biases={"negative": 0.0, "positive": 0.0})
    facts = prompt_facts(toy_prompt().with_corrections(readout))
    told = " ".join(str(cell) for column in facts.columns for cell in column.cells)
    assert "2 tokens, such as 'dull' for negative, 'fun' for positive" in told


def test_where_answers_begin_is_told_by_the_weights_of_its_signals() -> None:
    pointer = Pointer(source="context", lead=("question",), weights={"likelihood": 0.5, "sentence": 6.0})
    facts = prompt_facts(toy_prompt(QA).with_corrections(pointer))
    told = " ".join(str(cell) for column in facts.columns for cell in column.cells)
    assert "likelihood +0.500, sentence +6.000" in told
