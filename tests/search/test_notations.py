"""The search finds the notation of lists and records that a model writes best."""

import re

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.structured_metrics import set_f1
from cribsheet.frozen.running import direct_wiring
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.screening import BLOCK, LEAST_SETS, Screening
from cribsheet.search.study import Study
from cribsheet.search.wording.notations import notation_sets
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import List, MappingType, Text
from studies import evaluator_of, study_on

PEOPLE = Signature(
    name="People",
    instructions="List the people.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="people", type=List(item=Text())),),
)
WRITTEN = {"json": '["{0}", "{1}"]', "lines": "\n- {0}\n- {1}", "inline": "{0}, {1}"}
SHOWN = {"json": '["', "lines": "\n- ", "inline": ", "}


def rows() -> list[Row]:
    return [
        Row({"text": f"Mail {n}: A{n} met B{n % 7}."}, {"people": ([f"A{n}", f"B{n % 7}"],)}, where=f"line {n}")
        for n in range(90)
    ]


def writes_only(notation: str) -> ScriptedModel:
    """A model that finds both names if the prompt shows one notation, else the first one alone."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        text = prompt.full_text
        first, second = re.findall(r"(A\d+) met (B\d+)", text)[-1]
        shown = next((name for name, mark in SHOWN.items() if mark in text), "json")
        if shown == notation:
            return Completion(text=WRITTEN[notation].format(first, second))
        return Completion(text=f'["{first}"]')

    return ScriptedModel(answer)


def study_for(notation: str, budget: str) -> Study:
    evaluator = evaluator_of(writes_only(notation), budget=budget, metric=set_f1, wiring=direct_wiring(BARE, PEOPLE))
    study = study_on(PEOPLE, rows()[:50], rows()[50:], evaluator, tells_logprobs=False)
    study.extend(study.trial(study.zero_shot()), 8)
    return study


@pytest.mark.slow
@pytest.mark.parametrize(
    ("notation", "allowance"),
    [("json", 800), ("lines", 800), ("inline", 800), ("inline", LEAST_SETS * BLOCK - 1)],  # the last pays for two sets
)
def test_the_notation_that_a_model_writes_best_is_found(notation: str, allowance: int) -> None:
    study = study_for(notation, "4000calls")
    best, *_ = Screening(study, {BARE: study.pools[BARE][:24]}).run(allowance)
    (field,) = PEOPLE.outputs
    assert best.prompts[BARE].layout.notation(field) == notation


def test_prompts_that_differ_in_the_notation_alone_are_two_candidates() -> None:
    study = study_for("lines", "400calls")
    layout = study.layouts[0]
    in_lines = layout.model_copy(update={"notations": {"people": "lines"}})
    bare = [study.candidate(one, {BARE: ()}, origin="") for one in (layout, in_lines)]
    assert bare[0].key != bare[1].key


def test_an_output_without_a_notation_has_the_one_before_it() -> None:
    deep = Field(name="deep", type=MappingType(item=List(item=Text())))
    both = PEOPLE.model_copy(update={"outputs": (*PEOPLE.outputs, deep, Field(name="note"))})
    lines = {"people": "lines", "deep": "lines"}
    assert notation_sets(both) == [{}, {"people": "inline", "deep": "lines"}, lines]
    assert notation_sets(PEOPLE.model_copy(update={"outputs": (Field(name="note"),)})) == []
