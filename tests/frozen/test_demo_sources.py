"""Every demo source keeps the contract of the family."""

import re

import pytest
from pydantic import ValidationError

from cribsheet.dataset.examples import Demo
from cribsheet.frozen import DEMO_SOURCES, DemoSource, Fixed, FrozenPrompt
from frozen_toys import toy_prompt

DEMOS = tuple(
    Demo(inputs={"text": f"It was {word}."}, outputs={"sentiment": outcome})
    for word, outcome in (("superb", "positive"), ("dull", "negative"), ("fine", "positive"))
)
ONE_OF_EACH: dict[str, DemoSource] = {"fixed": Fixed()}


def test_the_suite_has_one_of_each_kind() -> None:
    assert list(ONE_OF_EACH) == list(DEMO_SOURCES)


@pytest.mark.parametrize("source", ONE_OF_EACH.values(), ids=list(ONE_OF_EACH))
def test_what_is_chosen_is_among_the_demos(source: DemoSource) -> None:
    chosen = source.choose(DEMOS, {"text": "It was fine."})
    assert all(demo in DEMOS for demo in chosen)
    assert not source.choose((), {"text": "It was fine."})
    if source.is_fixed:
        assert tuple(chosen) == DEMOS


@pytest.mark.parametrize("source", ONE_OF_EACH.values(), ids=list(ONE_OF_EACH))
def test_a_prompt_keeps_its_source_in_json_and_shows_what_it_chooses(source: DemoSource) -> None:
    prompt = toy_prompt(demos=DEMOS).model_copy(update={"demo_source": source})
    again = FrozenPrompt.model_validate_json(prompt.model_dump_json())
    assert again == prompt
    inputs = {"text": "It was fine."}
    shown = re.findall(r"It was \w+\.", again.render(inputs).full_text)
    assert shown == [demo.inputs["text"] for demo in source.choose(DEMOS, inputs)] + ["It was fine."]


def test_an_unknown_source_is_refused_by_name() -> None:
    stored = toy_prompt(demos=DEMOS).model_dump(mode="json") | {"demo_source": {"kind": "psychic"}}
    with pytest.raises(ValidationError, match="'psychic' is not a demo source; the known kinds are fixed"):
        FrozenPrompt.model_validate(stored)
