"""Corrections of several kinds can be allowed, and those that help stand side by side."""

import re

import pytest

from cribsheet.compiler.bridge import BARE
from cribsheet.corrections import CORRECTIONS
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.metrics import exact_match
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import direct_wiring
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.outcomes import Unanswerable
from cribsheet.prompts import Prompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections import Fitter
from cribsheet.search.corrections.guard import GuardFitter
from cribsheet.search.corrections.readout import ReadoutFitter
from cribsheet.search.trial import Trial
from cribsheet.signature import Field, Signature
from decreed import REVIEWS, Decreed, DecreedFitter
from studies import evaluator_of, number_asked
from toys import QA, SENTIMENT

FITTING = Signature(
    name="Fitting", instructions="", inputs=QA.inputs, outputs=(Field(name="fit", kind="boolean", abstains=True),)
)


@pytest.fixture(autouse=True)
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CORRECTIONS, "decreed", Decreed)


def prompt_of(signature: Signature) -> FrozenPrompt:
    decoding = Decoding(decide_by="logprobs", top_logprobs=8)
    return FrozenPrompt(signature=signature, layout=layout_named("plain"), instructions="", decoding=decoding)


def hinting(prompt: Prompt, sampling: Sampling) -> Completion:
    """Know no outcome, but show it in another token; the contrary of it if the text is lovely."""
    text = prompt.full_text.rsplit("Text: ", 1)[-1]
    is_positive = (number_asked(prompt) or 0) % 2 == 0 and "lovely" not in text
    hint = {" fun": -3.0 if is_positive else -6.0, " dull": -6.0 if is_positive else -3.0}
    return Completion(text=" positive", first_token={" positive": -0.7, " negative": -0.7, **hint})


@pytest.mark.slow
@pytest.mark.parametrize("order", [(ReadoutFitter, DecreedFitter), (DecreedFitter, ReadoutFitter)])
def test_two_corrections_allowed_one_after_the_other_stand_side_by_side(order: tuple[type[Fitter], ...]) -> None:
    trial = Trial(Candidate({BARE: prompt_of(SENTIMENT)}, origin="x"), evaluator_of(ScriptedModel(hinting)))
    trial.extend(REVIEWS[:96])
    first, second = order
    trial.allow(first())
    assert kinds_of(trial) == [first().kind]
    alone = trial.mean
    trial.allow(second())
    assert kinds_of(trial) == ["readout", "decreed"]
    assert trial.mean == 1.0 > alone
    trial.extend(REVIEWS)
    assert (trial.rows, kinds_of(trial), trial.mean) == (128, ["readout", "decreed"], 1.0)


def fitting_row(number: int) -> Row:
    """Return a row; a third of them asks of another thing than the context tells of."""
    is_off_topic = number % 3 == 0
    things = ("bridge", "castle", "museum", "harbour", "garden")
    about, other = things[number % 5], things[(number + 1) % 5]
    inputs = {"question": f"Is the {about} open?", "context": f"Day {number}: the {other if is_off_topic else about}."}
    return Row(inputs, {"fit": (Unanswerable() if is_off_topic else number % 2 == 0,)})


FITTING_ROWS = [fitting_row(number) for number in range(150)]


def opening(prompt: Prompt, sampling: Sampling) -> Completion:
    """Call nothing unanswerable, say yes to all, and show in another token which outcome is right."""
    day = re.search(r"Day (\d+)", prompt.full_text)
    number = int(day[1]) if day else 0  # none if the input is without content
    hint = {" open": -3.0 if number % 2 == 0 else -6.0, " shut": -6.0 if number % 2 == 0 else -3.0}
    return Completion(text=" yes", first_token={" yes": -0.8, " no": -0.9, " unanswerable": -4.0, **hint})


def test_a_readout_and_a_guard_stand_side_by_side_and_are_remembered() -> None:
    guards = GuardFitter(FITTING, FITTING_ROWS, exact_match)
    wiring = direct_wiring(BARE, FITTING)
    evaluator = evaluator_of(ScriptedModel(opening), metric=exact_match, wiring=wiring, fit_guard=guards)
    trial = Trial(Candidate({BARE: prompt_of(FITTING)}, origin="x"), evaluator)
    trial.extend(FITTING_ROWS[:120])
    assert "guard" in kinds_of(trial)
    guarded = trial.mean
    trial.allow(ReadoutFitter())
    assert {"readout", "guard"} <= set(kinds_of(trial))
    assert trial.mean > guarded
    trial.extend(FITTING_ROWS)
    assert trial.rows == 150
    assert {"readout", "guard"} <= set(kinds_of(trial))
    assert trial.mean > guarded


def kinds_of(trial: Trial) -> list[str]:
    return [one.kind for one in trial.candidate.prompts[BARE].corrections]
