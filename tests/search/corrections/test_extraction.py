"""Which answers a search has to be spans of an input, and whether that stays so."""

import math
from collections.abc import Sequence

from cribsheet.compiler.bridge import BARE
from cribsheet.corrections import Extraction
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.metrics import answer_f1
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.running import direct_wiring
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.prompts import Prompt
from cribsheet.search.study import Study
from cribsheet.signature import Field, Signature
from studies import evaluator_of, study_on
from toys import QA


def row(number: int, *answers: Value) -> Row:
    inputs = {"question": f"Who built bridge {number}?", "context": f"Bridge {number} was built by Ann B{number}."}
    return Row(inputs, {"answer": answers or (f"Ann B{number}",)})


def misspelling(prompt: Prompt, sampling: Sampling) -> Completion:
    """Write Anne for Ann; asked again, go on with whatever the context has."""
    context = prompt.full_text.rsplit("Context: ", 1)[-1]
    name = context.split("built by ")[1].split(".")[0]
    begun = prompt.full_text.rsplit("Answer:", 1)[-1]
    token = "\n" if begun.strip() == name else f" {name}"
    first = {token: math.log(0.5), " Anne": math.log(0.4)}
    return Completion(text=name.replace("Ann", " Anne") if sampling.max_tokens > 1 else token, first_token=first)


def study(rows: Sequence[Row], *, model: ScriptedModel | None = None, **options: bool) -> Study:
    asked = model or ScriptedModel(misspelling)
    evaluator = evaluator_of(asked, metric=answer_f1, wiring=direct_wiring(BARE, QA))
    return study_on(QA, rows[::2], rows[1::2], evaluator, **options)


def styles(study: Study) -> set[str]:
    return {layout.style for layout in study.layouts}


def source_in(prompt: FrozenPrompt) -> str | None:
    extraction = prompt.correction(Extraction)
    return extraction.source if extraction else None


def source(study: Study, layout: str = "plain") -> str | None:
    return source_in(study.prompt(QA, layout_named(layout), ()))


SPANS = [row(number) for number in range(20)]


def test_answers_are_extracted_from_the_input_that_nearly_all_of_the_rows_answers_stand_in() -> None:
    assert source(study(SPANS)) == "context"
    assert source(study([*SPANS, row(20, "an unknown hand", "Ann B20")])) == "context"
    assert source(study([*SPANS, *(row(number, Unanswerable()) for number in range(20, 60))])) == "context"


def test_they_are_not_where_rows_say_otherwise_or_say_too_little() -> None:
    assert source(study([*SPANS, *(row(number, "an unknown hand") for number in range(20, 24))])) is None
    assert source(study([*SPANS[:7], *(row(number, Unanswerable()) for number in range(20, 60))])) is None


def test_they_are_not_where_the_model_cannot_be_made_to_or_nobody_wants_it() -> None:
    assert source(study(SPANS, tells_logprobs=False)) is None
    assert source(study(SPANS), "chat") is None
    assert source(study(SPANS, may_extract=False)) is None


def test_layouts_that_they_cannot_be_extracted_from_are_tried_only_where_there_are_no_others() -> None:
    chats = ScriptedModel(misspelling)
    chats.supports_raw = False
    assert styles(study(SPANS)) == {"raw"}
    assert styles(study(SPANS, may_extract=False)) == {"raw", "one_message", "chat_turns"}
    assert styles(study(SPANS, model=chats)) == {"one_message", "chat_turns"}


def test_chinese_layouts_are_tried_where_rows_have_chinese_in_them() -> None:
    chinese = [Row({**one.inputs, "question": "谁建了这座桥？"}, one.outputs) for one in SPANS]
    assert {layout.language for layout in study(SPANS).layouts} == {"en"}
    assert {layout.language for layout in study(chinese).layouts} == {"en", "zh"}


def test_signatures_of_one_name_each_have_an_input_of_their_own() -> None:
    # as those have that dspy makes of a string
    passage = Signature(name=QA.name, instructions="", inputs=(Field(name="question"),), outputs=QA.outputs)
    both = study(SPANS)
    assert source(both) == "context"
    assert source_in(both.prompt(passage, layout_named("plain"), ())) is None


def test_the_baseline_answers_freely() -> None:
    (prompt,) = study(SPANS).zero_shot().prompts.values()
    assert prompt.corrections == ()


def test_extracting_stays_where_it_scores_better_than_what_was_written() -> None:
    spelled = study([row(number) for number in range(40)])
    trial = spelled.trial(spelled.bare())
    spelled.extend(trial, 16)
    assert trial.mean == 1.0
    assert source_in(trial.candidate.prompts[BARE]) == "context"


def test_what_was_written_stays_where_that_scores_better() -> None:
    misspelled = study([row(number, f"Ann B{number}", f"Anne B{number}") for number in range(40)])
    misspelled.val = [Row(one.inputs, {"answer": one.outputs["answer"][1:]}) for one in misspelled.val]
    trial = misspelled.trial(misspelled.candidate(layout_named("plain"), {BARE: ()}, origin="x"))
    misspelled.extend(trial, 16)
    assert trial.mean == 1.0
    assert source_in(trial.candidate.prompts[BARE]) is None
