"""An answer of any kind tells its probability or why it has none, the model's own words, and what changed them."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.testing import Result
from engines import WrittenEngine
from ollama_server import OllamaServer

from cribsheet.corrections import Calibration, Correction, Extraction, Guard, Pointer
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.loading import Program
from cribsheet.frozen.running import Run
from cribsheet.frozen.summary import answer_summary
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature
from frozen_toys import toy_program
from toys import QA, SENTIMENT

FITTING = Signature(
    name="Fitting", instructions="", inputs=QA.inputs, outputs=(Field(name="fit", kind="boolean", abstains=True),)
)
TEXT = {"text": "The film was superb."}
ASKED = {"question": "Who wrote the diary?", "context": "The diary was written by Anne Frank."}
OFF_TOPIC = {"question": "Who wrote the diary?", "context": "Gravity bends light."}
WRITTEN = "There is none: the answer was written as text, and no guard judged it."
GUARDS = (
    "It is the guard's probability that the inputs contain an answer, or, if the outcome is unanswerable, "
    "that they contain none."
)
UNASKED = "There is none: the inputs alone show that there is no answer, so the model was not asked."
NONE = {"unanswerable": None}


def guard_of(field: str, threshold: float, **given: object) -> Guard:
    """Return a guard that lets an answer stand with a probability of 0.75, if that reaches the threshold."""
    settings = {"weights": {"coverage": 0.0}, "intercept": math.log(3), "threshold": threshold, **given}
    return Guard.model_validate({"field": field, "context": "context", "lead": ("question",), **settings})


def run_of(
    signature: Signature,
    *corrections: Correction,
    says: str,
    told: Mapping[str, float] | None = None,
    inputs: Mapping[str, object] | None = None,
    **after: Mapping[str, float],
) -> Run:
    """Return what a frozen program gives if the model says and tells this, and other things where it has begun."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        first = after.get(prompt.full_text.rsplit(":", 1)[-1].strip(), told)
        return Completion(text=says, first_token=first and {token: math.log(p) for token, p in first.items()})

    decides = signature != QA
    decoding = Decoding(decide_by="logprobs" if decides else "text", max_tokens=8, top_logprobs=8)
    prompt = FrozenPrompt(signature=signature, layout=layout_named("plain"), instructions="", decoding=decoding)
    model = ScriptedModel(answer)
    program = Program(toy_program(prompt.with_corrections(*corrections)), model=model)
    return program.answer(inputs or (TEXT if signature == SENTIMENT else ASKED), model)


def summary_of(run: Run) -> dict[str, object]:
    """Return the summary, which has to be JSON, of a run that could be read."""
    assert not isinstance(run.outputs, ParseFailure)
    summary: dict[str, object] = json.loads(json.dumps(answer_summary(run.outputs, run)))
    return summary


def told(
    outputs: Mapping[str, object],
    probability: object,
    note: str | None,
    said: str,
    *changes: object,
    unassigned: float | None = None,
) -> dict[str, object]:
    """Return a summary as it should be; what is decided here is by log-probabilities, but for QA's written answers."""
    decided_by = "inputs" if note == UNASKED else "text" if "answer" in outputs else "logprobs"
    share = None if unassigned is None else pytest.approx(unassigned)
    known = {
        "probability": probability,
        "probability_note": note,
        "unassigned": share,
        "decided_by": decided_by,
        "model_text": said,
    }
    return {**outputs, **known, "changes": list(changes)}


def change(by: str, before: object, after: object) -> dict[str, object]:
    """Return a change as it should be told."""
    return {"predictor": "predict", "by": by, "from": before, "to": after}


# Decided


def test_a_decided_answer_tells_the_share_of_its_outcome() -> None:
    run = run_of(SENTIMENT, says=" positive", told={" positive": 0.6, " negative": 0.2})
    expected = told({"sentiment": "positive"}, pytest.approx(0.75), None, " positive", unassigned=0.2)
    assert summary_of(run) == expected


def test_a_decision_against_the_models_own_text_names_the_calibration() -> None:
    lean = Calibration(biases={"negative": math.log(9), "positive": 0.0})
    run = run_of(SENTIMENT, lean, says=" negative", told={" negative": 0.75, " positive": 0.25})
    changed = change("calibration", {"sentiment": "negative"}, {"sentiment": "positive"})
    expected = told({"sentiment": "positive"}, pytest.approx(0.75), None, " negative", changed, unassigned=0.0)
    assert summary_of(run) == expected


def test_a_calibration_that_changes_nothing_still_gives_its_own_probability() -> None:
    lean = Calibration(biases={"negative": math.log(3), "positive": 0.0})
    run = run_of(SENTIMENT, lean, says=" positive", told={" negative": 0.5, " positive": 0.5})
    assert summary_of(run)["probability"] == pytest.approx(0.75)


DECIDED = {" yes": 0.6, " no": 0.15, " unanswerable": 0.25}


def test_a_guarded_decision_that_stands_weighs_the_guard_and_the_model() -> None:
    run = run_of(FITTING, guard_of("fit", 0.5), says=" yes", told=DECIDED)
    assert summary_of(run) == told({"fit": True}, pytest.approx(0.75 * 0.8), None, " yes", unassigned=0.0)


def test_a_guarded_decision_that_is_withheld_tells_how_likely_that_is_right() -> None:
    run = run_of(FITTING, guard_of("fit", 0.9), says=" yes", told=DECIDED)
    changed = change("guard", {"fit": True}, {"fit": NONE})
    assert summary_of(run) == told({"fit": NONE}, pytest.approx(0.25), None, " yes", changed, unassigned=0.0)


# Written


def test_a_written_answer_says_why_it_has_no_probability() -> None:
    assert summary_of(run_of(QA, says=" Anne Frank")) == told({"answer": "Anne Frank"}, None, WRITTEN, " Anne Frank")


def test_a_guarded_written_answer_that_stands_has_the_guards_probability() -> None:
    run = run_of(QA, guard_of("answer", 0.5), says=" Anne Frank")
    assert summary_of(run) == told({"answer": "Anne Frank"}, pytest.approx(0.75), GUARDS, " Anne Frank")


def test_a_guarded_written_answer_that_is_withheld_keeps_the_models_words() -> None:
    run = run_of(QA, guard_of("answer", 0.9), says=" Anne Frank")
    changed = change("guard", {"answer": "Anne Frank"}, {"answer": NONE})
    assert summary_of(run) == told({"answer": NONE}, pytest.approx(0.25), GUARDS, " Anne Frank", changed)


def test_an_abstention_of_the_models_own_is_judged_by_no_guard() -> None:
    run = run_of(QA, guard_of("answer", 0.5), says=" unanswerable")
    assert summary_of(run) == told({"answer": NONE}, None, WRITTEN, " unanswerable")


INVENTED = {"Anne": {" Smith": 0.7, " Frank": 0.2}, "Anne Frank": {"\n": 0.9}}
EXTRACTED = change("extraction", {"answer": "Anne Smith"}, {"answer": "Anne Frank"})


def test_an_extracted_answer_tells_what_the_model_had_written() -> None:
    run = run_of(QA, Extraction(source="context"), says=" Anne Smith", **INVENTED)
    assert summary_of(run) == told({"answer": "Anne Frank"}, None, WRITTEN, " Anne Smith", EXTRACTED)


def test_an_extracted_answer_that_a_guard_withholds_tells_both_changes_in_their_order() -> None:
    run = run_of(QA, Extraction(source="context"), guard_of("answer", 0.9), says=" Anne Smith", **INVENTED)
    withheld = change("guard", {"answer": "Anne Frank"}, {"answer": NONE})
    assert summary_of(run) == told({"answer": NONE}, pytest.approx(0.25), GUARDS, " Anne Smith", EXTRACTED, withheld)


def test_a_pointed_answer_keeps_the_words_that_the_model_began_with_by_itself() -> None:
    pointer = Pointer(source="context", lead=("question",), weights={"likelihood": 1.0, "asked": -9.0})
    run = run_of(QA, pointer, says=" Smith", told={" Smith": 0.4, " Anne": 0.2})
    changed = change("pointer", {"answer": "Smith"}, {"answer": "Anne Smith"})
    assert summary_of(run) == told({"answer": "Anne Smith"}, None, WRITTEN, " Smith", changed)


def test_an_answer_extracted_where_nothing_could_be_read_comes_from_nothing() -> None:
    after = {"": {" Anne": 0.6, " Bob": 0.3}, "Anne": {" Frank": 0.9}, "Anne Frank": {"\n": 0.9}}
    run = run_of(QA, Extraction(source="context"), says=" ", **after)
    changed = change("extraction", None, {"answer": "Anne Frank"})
    assert summary_of(run) == told({"answer": "Anne Frank"}, None, WRITTEN, " ", changed)


# Not asked, and not read


def test_an_answer_that_the_inputs_settle_says_that_no_model_was_asked() -> None:
    run = run_of(QA, guard_of("answer", 0.5, least_coverage=0.3), says=" Newton", inputs=OFF_TOPIC)
    assert run.calls == ()
    assert summary_of(run) == told({"answer": NONE}, None, UNASKED, "")


def test_an_answer_that_cannot_be_read_keeps_the_words_and_has_no_probability() -> None:
    run = run_of(SENTIMENT, Calibration(biases={"negative": 1.0, "positive": 0.0}), says=" the usual")
    assert isinstance(run.outputs, ParseFailure)
    assert (run.text, run.probability, run.calls[0].answer.changes) == (" the usual", None, ())
    assert run.probability_note.startswith("There is none")


def test_ask_quotes_the_words_that_could_not_be_read_and_prints_no_json(
    run: Callable[..., Result], served: Path, server: OllamaServer
) -> None:
    server.engine = WrittenEngine(" the usual")
    result = run("ask", served, "--text", "Hm.", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The completion cannot be read" in result.stderr
    assert "The model wrote ' the usual'" in result.stderr


# Fields of the same names


def test_an_output_of_the_same_name_goes_first() -> None:
    named = Signature(name="Named", instructions="", inputs=SENTIMENT.inputs, outputs=(Field(name="changes"),))
    prompt = FrozenPrompt(signature=named, layout=layout_named("plain"), instructions="", decoding=Decoding())
    model = ScriptedModel(lambda prompt, sampling: " many")
    run = Program(toy_program(prompt), model=model).answer(TEXT, model)
    assert summary_of(run) == {
        "changes": "many",
        "probability": None,
        "probability_note": WRITTEN,
        "unassigned": None,
        "decided_by": "text",
        "model_text": " many",
    }
