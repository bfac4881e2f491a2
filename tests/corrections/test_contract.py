"""Every correction keeps the contract of the family, one of a user's own too."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cribsheet.cli._root import cli
from cribsheet.compiler.bridge import BARE
from cribsheet.corrections import (
    CORRECTIONS,
    Answer,
    Asked,
    Calibration,
    Correction,
    Extraction,
    Guard,
    Pointer,
    Readout,
)
from cribsheet.errors import FrozenFileError
from cribsheet.export import TARGETS, WHOLE, export
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.loading import load
from cribsheet.frozen.running import ask, asked
from cribsheet.frozen.sealing import read, reseal, save
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable
from cribsheet.prompts import Prompt
from cribsheet.report.description import prompt_facts
from cribsheet.search.candidate import Candidate
from cribsheet.search.trial import Trial
from cribsheet.signature import Field, Signature
from decreed import REVIEWS, Decreed, DecreedFitter
from frozen_toys import toy_program
from studies import evaluator_of
from toys import QA, SENTIMENT


@pytest.fixture(autouse=True)
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CORRECTIONS, "decreed", Decreed)


# Samples of each kind

FITTING = Signature(
    name="Fitting", instructions="", inputs=QA.inputs, outputs=(Field(name="fit", kind="boolean", abstains=True),)
)
ASKED = {"question": "Who wrote the diary?", "context": "The diary was written by Anne Frank."}
TEXT = {"text": "The film was superb."}
DECIDED, WRITTEN = Decoding(decide_by="logprobs", top_logprobs=8), Decoding(max_tokens=8, top_logprobs=8)
EVEN = {"negative": 0.0, "positive": 0.0}
GUARD = Guard(
    field="answer",
    context="context",
    lead=("question",),
    weights={"coverage": 2.0, "confidence": 1.0, "grounded": 1.0, "abstention": -1.0},
    intercept=-1.0,
    threshold=0.9,
)
SAMPLES: dict[str, tuple[Correction, Signature, Mapping[str, str]]] = {
    "calibration": (Calibration(biases={"negative": 4.0, "positive": 0.0}), SENTIMENT, TEXT),
    "readout": (
        Readout(usual={" dull": -4.0}, weights={" dull": {**EVEN, "positive": 2.0}}, biases=EVEN),
        SENTIMENT,
        TEXT,
    ),
    "pointer": (Pointer(source="context", lead=("question",), weights={"capital": 9.0}), QA, ASKED),
    "extraction": (Extraction(source="context"), QA, ASKED),
    "guard": (GUARD, QA, ASKED),
    "decreed": (Decreed(word="film", outcome="positive"), SENTIMENT, TEXT),
}


def prompt_with(signature: Signature, *corrections: Correction, layout: str = "plain") -> FrozenPrompt:
    decoding = WRITTEN if signature == QA else DECIDED
    prompt = FrozenPrompt(signature=signature, layout=layout_named(layout), instructions="", decoding=decoding)
    return prompt.with_corrections(*corrections)


def telling(text: str, first: Mapping[str, float] | None, **after: Mapping[str, float]) -> ScriptedModel:
    """Return a model that says the same to all, and tells other alternatives where it has begun to answer."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        told = after.get(prompt.full_text.rsplit(":", 1)[-1].strip(), first)
        return Completion(text=text, first_token=told and {token: math.log(p) for token, p in told.items()})

    return ScriptedModel(answer)


def student(signature: Signature) -> ScriptedModel:
    """Return a model that every sample corrects."""
    if signature == SENTIMENT:
        return telling(" negative", {" negative": 0.5, " positive": 0.3, " dull": 0.1})
    ending = {"Anne": {" Frank": 0.6}, "Anne Frank": {"\n": 0.9}}
    return telling(" Otto Smith", {" Otto": 0.6, " The": 0.2, " Anne": 0.1}, **ending)


def raw(kind: str, model: ScriptedModel, *, layout: str = "plain") -> tuple[Answer, Asked]:
    """Return what a model answers to the sample's inputs before any correction, and what was asked."""
    _, signature, inputs = SAMPLES[kind]
    prompt = prompt_with(signature, layout=layout)
    return ask(prompt, inputs, model), asked(prompt, inputs)


kinds = pytest.mark.parametrize("kind", SAMPLES)

# The contract


def test_every_kind_has_a_sample_under_its_own_name() -> None:
    assert set(SAMPLES) == set(CORRECTIONS)
    assert all(type(SAMPLES[kind][0]) is CORRECTIONS[kind] for kind in CORRECTIONS)
    assert all(SAMPLES[kind][0].kind == kind for kind in CORRECTIONS)
    assert all(CORRECTIONS[kind].label for kind in CORRECTIONS)


@kinds
def test_it_changes_the_answer_of_its_sample(kind: str) -> None:
    correction, signature, _ = SAMPLES[kind]
    answer, request = raw(kind, student(signature))
    assert correction.apply(answer, request, student(signature)).outputs != answer.outputs


@kinds
def test_it_comes_back_from_json_as_it_was(kind: str) -> None:
    correction, signature, _ = SAMPLES[kind]
    prompt = prompt_with(signature, correction)
    again = FrozenPrompt.model_validate_json(prompt.model_dump_json())
    assert again == prompt
    assert again.correction(type(correction)) == correction


@kinds
def test_it_comes_back_from_a_sealed_file_and_answers_the_same(kind: str, tmp_path: Path) -> None:
    correction, signature, inputs = SAMPLES[kind]
    prompt, path = prompt_with(signature, correction), tmp_path / "x.prompt.json"
    save(toy_program(prompt), path)
    assert read(path) == toy_program(prompt)
    loaded = load(path, model=student(signature)).answer(inputs, student(signature))
    assert loaded.outputs == ask(prompt, inputs, student(signature)).outputs


@kinds
def test_its_facts_are_told_in_the_tables_of_show(kind: str) -> None:
    correction, signature, _ = SAMPLES[kind]
    facts = correction.describe()
    assert facts
    assert all(name.strip() and value.strip() for name, value in facts.items())
    cells = [str(cell) for column in prompt_facts(prompt_with(signature, correction)).columns for cell in column.cells]
    assert {*facts, *facts.values()} <= set(cells)


@kinds
def test_its_caveat_is_a_sentence_that_every_export_tells(kind: str) -> None:
    correction, signature, _ = SAMPLES[kind]
    caveat = correction.caveat(signature)
    assert caveat[0].isupper()
    assert caveat.endswith(".")
    assert caveat in export(toy_program(prompt_with(signature, correction)), "openai").caveats


def test_what_changes_nothing_has_no_caveat() -> None:
    assert Calibration(biases=EVEN).caveat(SENTIMENT) == ""


def hard_answers(kind: str) -> Iterator[tuple[str, Answer, Asked, ScriptedModel]]:
    """Yield answers that a correction meets in the field, by what is hard about them."""
    _, signature, _ = SAMPLES[kind]
    models = {
        "unreadable": telling(" ", None),
        "unreadable and told": telling(" Hm", {" Hm": 1.0}),
        "abstaining": telling(" unanswerable", {" unanswerable": 0.9, " Anne": 0.1}),
    }
    for what, model in models.items():
        yield what, *raw(kind, model), model
    for layout in ("chat", "plain"):
        yield layout, *raw(kind, student(signature), layout=layout), student(signature)
    crashed, request = raw(kind, student(signature))
    failure = ParseFailure("nothing of it can be read")
    yield "failed", replace(crashed, outputs=failure, logprobs=None, shares=None), request, student(signature)


@kinds
def test_it_takes_any_answer_and_gives_the_same_when_applied_again(kind: str) -> None:
    correction = SAMPLES[kind][0]
    for what, answer, request, model in hard_answers(kind):
        once = correction.apply(answer, request, model)
        assert correction.apply(answer, request, model).outputs == once.outputs, what
        assert correction.apply(once, request, model).outputs == once.outputs, what


@kinds
def test_it_applies_to_the_prompts_of_all_rows_alike(kind: str) -> None:
    """Nothing of one row stays in the correction."""
    correction, signature, _ = SAMPLES[kind]
    before = correction.model_dump_json()
    for _, answer, request, model in hard_answers(kind):
        correction.apply(answer, request, model)
    answer, request = raw(kind, student(signature))
    assert correction.apply(answer, request, student(signature)).outputs != answer.outputs
    assert correction.model_dump_json() == before


@kinds
def test_without_log_probabilities_what_needs_them_lets_the_answer_stay(kind: str) -> None:
    correction, signature, _ = SAMPLES[kind]
    silent = telling(" negative" if signature == SENTIMENT else " Otto Smith", None)
    answer, request = raw(kind, silent)
    after = correction.apply(answer, request, silent)
    assert (after.outputs == answer.outputs) == ("logprobs" in correction.needs)


@kinds
def test_what_needs_no_calls_makes_none(kind: str) -> None:
    correction, signature, _ = SAMPLES[kind]
    answer, request = raw(kind, student(signature))
    model = student(signature)
    after = correction.apply(answer, request, model)
    assert bool(model.calls) == ("calls" in correction.needs)
    assert len(after.further) - len(answer.further) == len(model.calls)


def test_an_unknown_kind_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    content = prompt_with(SENTIMENT).model_dump(mode="json") | {"corrections": [{"kind": "magic"}]}
    with pytest.raises(
        ValueError, match=r"'magic' is not a correction; the known kinds are calibration, readout, .*decreed"
    ):
        FrozenPrompt.model_validate(content)
    path = tmp_path / "x.prompt.json"
    save(toy_program(prompt_with(SENTIMENT, SAMPLES["decreed"][0])), path)
    path.write_text(path.read_text().replace('"kind": "decreed"', '"kind": "magic"'))
    with pytest.raises(FrozenFileError, match="'magic' is not a correction; the known kinds are"):
        reseal(path)


# The toy in a search, in a file and on a screen


def test_a_toy_that_helps_is_fitted_saved_loaded_shown_and_exported(tmp_path: Path) -> None:
    prompt, model = prompt_with(SENTIMENT), telling(" negative", None)
    trial = Trial(Candidate({BARE: prompt}, origin="x"), evaluator_of(model))
    trial.extend(REVIEWS[:24])
    before = trial.mean
    trial.allow(DecreedFitter())
    found = trial.candidate.prompts[BARE]
    assert found.corrections == (Decreed(word="lovely", outcome="positive"),)
    assert trial.mean == pytest.approx(before + 1 / 3)
    path = tmp_path / "x.prompt.json"
    save(toy_program(found), path)
    assert load(path, model=model)(text="A lovely film.").sentiment == "positive"
    assert load(path, model=model)(text="A long film.").sentiment == "negative"
    shown = CliRunner(catch_exceptions=False).invoke(cli, ["show", str(path)])
    assert "positive if the input contains lovely" in shown.stdout
    for target in set(TARGETS) - WHOLE - {"dotprompt", "sft"}:  # they refuse the prompt, and the whole ones carry it
        caveats = export(read(path), target).caveats
        assert any(caveat.startswith("Cribsheet answers positive if") for caveat in caveats), target


# Abstentions


def test_an_abstention_stays_one_whatever_is_applied() -> None:
    model = telling(" unanswerable", {" unanswerable": 0.9, " Anne": 0.1})
    corrections = [SAMPLES[kind][0] for kind in ("pointer", "extraction", "guard")]
    assert ask(prompt_with(QA, *corrections), ASKED, model).outputs == {"answer": Unanswerable()}
