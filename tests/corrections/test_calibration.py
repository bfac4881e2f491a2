"""Decisions by log-probability, and the biases that mend them."""

import math
from collections.abc import Mapping

import pytest

from cribsheet.corrections.calibration import Calibration, batch_calibration, shares
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.frozen.running import ask
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import layout_named
from cribsheet.layout.decisions import decided_field, outcome_logprobs
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.budget import Budget
from cribsheet.search.ledger import Charged, Ledger
from cribsheet.signature import Field, Signature

PLAIN = layout_named("plain")
LABEL = Field(name="sentiment", kind="label", labels=("negative", "positive"))


def likeliest(logprobs: dict[str, float], calibration: Calibration | None = None) -> str:
    found = shares(logprobs, calibration)
    return max(found, key=found.__getitem__)


def probabilities(layout: Layout, field: Field, first: dict[str, float]) -> dict[str, float]:
    logprobs = outcome_logprobs(layout, field, {token: math.log(p) for token, p in first.items()})
    assert logprobs is not None
    return {outcome: math.exp(logprob) for outcome, logprob in logprobs.items()}


def test_tokens_speak_for_the_outcome_they_begin_whatever_their_case_and_spacing() -> None:
    found = probabilities(PLAIN, LABEL, {" pos": 0.3, "Positive": 0.2, " negative": 0.1, " the": 0.3})
    assert found == pytest.approx({"positive": 0.5 / 0.6, "negative": 0.1 / 0.6})


def test_a_token_that_begins_two_outcomes_speaks_for_neither() -> None:
    field = Field(name="topic", kind="label", labels=("sports", "science"))
    assert probabilities(PLAIN, field, {" s": 0.8, " sp": 0.05, " sc": 0.1})["science"] == pytest.approx(0.1 / 0.15)


def test_an_outcome_that_is_not_reported_has_at_most_the_lowest_reported_probability() -> None:
    found = probabilities(PLAIN, LABEL, {" positive": 0.9, " x": 0.02})
    assert found["negative"] == pytest.approx(0.02 / 0.92)


def test_nothing_is_decided_where_no_token_speaks() -> None:
    assert outcome_logprobs(PLAIN, LABEL, {" the": -0.1, " ": -1.0}) is None


def test_verbalizers_of_the_layout_are_what_is_listened_to() -> None:
    layout = PLAIN.model_copy(update={"verbalizers": {"negative": "bad", "positive": "good"}})
    assert probabilities(layout, LABEL, {" good": 0.6, " positive": 0.3, " bad": 0.1})["positive"] > 0.8


def test_booleans_and_abstention_are_decided_too() -> None:
    field = Field(name="fits", kind="boolean", abstains=True)
    logprobs = outcome_logprobs(PLAIN, field, {" yes": -3.0, " no": -2.0, " unans": -0.1})
    assert logprobs is not None
    assert likeliest(logprobs) == "unanswerable"


# Verbalizers that begin alike

TOPIC = Field(name="topic", kind="label", labels=("science", "science fiction", "sports"))
NEXT = {
    "": {" science": 0.6, " sports": 0.3, " the": 0.05},
    " science": {" fiction": 0.25, "\n": 0.7, " Fic": 0.05},
    " s": {"cience": 0.5, "ports": 0.5},
    " science fic": {"tion": 1.0},
}


class Followed:
    """Tells what comes after a text; remembers what it was asked."""

    def __init__(self, following: Mapping[str, Mapping[str, float]]) -> None:
        self.asked: list[str] = []
        self._following = following

    def __call__(self, said: str) -> Mapping[str, float] | None:
        self.asked.append(said)
        found = self._following.get(said)
        return found and {token: math.log(p) for token, p in found.items()}


def scored_on(field: Field, following: Mapping[str, Mapping[str, float]]) -> tuple[dict[str, float], list[str]]:
    go_on = Followed(following)
    first = {token: math.log(p) for token, p in following[""].items()}
    logprobs = outcome_logprobs(PLAIN, field, first, next_token=go_on)
    assert logprobs is not None
    return {outcome: math.exp(logprob) for outcome, logprob in logprobs.items()}, go_on.asked


def test_outcomes_that_begin_alike_are_told_apart_by_what_comes_next() -> None:
    found, asked = scored_on(TOPIC, NEXT)
    assert asked == [" science"]
    assert math.fsum(found.values()) == pytest.approx(1)
    assert found == pytest.approx({"science": 0.6 * 0.7 / 0.9, "science fiction": 0.6 * 0.3 / 0.9, "sports": 0.3 / 0.9})


def test_without_going_on_what_begins_alike_speaks_for_none() -> None:
    found = probabilities(PLAIN, TOPIC, NEXT[""])
    assert found == pytest.approx({"science": 0.125, "science fiction": 0.125, "sports": 0.75})


def test_a_first_token_of_few_letters_is_followed_too() -> None:
    found, asked = scored_on(TOPIC, {**NEXT, "": {" s": 1.0}, " science": {"\n": 0.9, " fiction": 0.1}})
    assert asked == [" s", " science"]
    assert found == pytest.approx({"science": 0.45, "science fiction": 0.05, "sports": 0.5})


def test_what_is_hardly_said_is_not_followed() -> None:
    _, asked = scored_on(TOPIC, {**NEXT, "": {" sports": 0.98, " science": 0.01}})
    assert asked == []


def test_where_nothing_is_told_after_a_token_it_speaks_for_none() -> None:
    found, asked = scored_on(TOPIC, {"": NEXT[""]})
    assert asked == [" science"]
    assert found["sports"] > found["science"] == found["science fiction"]


def test_what_begins_alike_over_many_tokens_is_told_apart_however_little_is_left() -> None:
    field = Field(name="topic", kind="label", labels=("world news: politics", "world news: police", "sports"))
    following = {
        "": {" world": 0.8, " sports": 0.2},
        " world": {" news": 1.0},
        " world news": {":": 1.0},
        " world news:": {" pol": 1.0},
        " world news: pol": {"itics": 0.75, "ice": 0.25},
    }
    found, asked = scored_on(field, following)
    assert asked == [" world", " world news", " world news:", " world news: pol"]
    assert found == pytest.approx({"world news: politics": 0.6, "world news: police": 0.2, "sports": 0.2})


def test_one_word_for_two_outcomes_is_not_followed_for_ever() -> None:
    field = Field(name="topic", kind="label", labels=("Sport", "sport", "news"))
    first = {" sport": 0.6, " news": 0.35, " the": 0.05}
    found, asked = scored_on(field, {"": first, " sport": {"\n": 1.0}})
    assert asked == []
    assert found["Sport"] == found["sport"] < found["news"]


BOOKS = Signature(name="Books", instructions="Name the topic.", inputs=(Field(name="text"),), outputs=(TOPIC,))


def librarian(prompt: Prompt, sampling: Sampling) -> Completion:
    """Say what `NEXT` does, with words as tokens."""
    said = prompt.full_text.rsplit("Topic:", 1)[-1]
    first = {token: math.log(p) for token, p in NEXT[said].items()}
    usage = Usage(prompt_tokens=len(prompt.full_text.split()), completion_tokens=1)
    return Completion(text=max(first, key=first.__getitem__), first_token=first, usage=usage)


def book_prompt(layout: str = "plain") -> FrozenPrompt:
    return FrozenPrompt(
        signature=BOOKS,
        layout=layout_named(layout),
        instructions="",
        decoding=Decoding(decide_by="logprobs", top_logprobs=8),
    )


def test_asking_goes_on_where_outcomes_begin_alike_and_every_call_is_paid() -> None:
    model = ScriptedModel(librarian)
    ledger = Ledger(Budget.parse("10calls"), count_tokens=model.count_tokens)
    answer = ask(book_prompt(), {"text": "Dune"}, Charged(model, ledger))
    assert answer.shares == pytest.approx(
        {"science": 0.6 * 0.7 / 0.9, "science fiction": 0.6 * 0.3 / 0.9, "sports": 0.3 / 0.9}
    )
    assert [prompt.text.rsplit("Topic:", 1)[-1] for prompt, _ in answer.completions] == ["", " science"]
    assert [prompt for prompt, _ in answer.completions] == [call.prompt for call in model.calls]
    assert {call.sampling.max_tokens for call in model.calls} == {1}
    assert ledger.spent == 2
    assert ledger.tokens == (3 + 1) + (4 + 1)


def test_the_calibration_holds_for_what_was_scored_on() -> None:
    biased = book_prompt().with_corrections(Calibration(biases={"science": 3.0}))
    answer = ask(biased, {"text": "Dune"}, ScriptedModel(librarian))
    assert not isinstance(answer.outputs, ParseFailure)
    assert answer.outputs["topic"] == "sports"


def test_a_chat_is_decided_by_its_first_token_alone() -> None:
    model = ScriptedModel(lambda prompt, sampling: librarian(Prompt(text="Topic:"), sampling))
    answer = ask(book_prompt("chat"), {"text": "Dune"}, model)
    assert len(model.calls) == len(answer.completions) == 1
    assert not isinstance(answer.outputs, ParseFailure)
    assert answer.outputs["topic"] == "sports"


# Biases


def test_batch_calibration_takes_away_a_constant_lean() -> None:
    # Every text leans to negative by 2 nats; three in six are positive.
    rows = []
    for odds in (-3.0, -2.5, -2.2, -1.8, -1.5, -1.0):
        positive = 1 / (1 + math.exp(-odds))
        rows.append({"negative": math.log(1 - positive), "positive": math.log(positive)})
    calibration = batch_calibration(rows)
    assert [likeliest(row) for row in rows] == ["negative"] * 6
    assert [likeliest(row, calibration) for row in rows] == ["negative"] * 3 + ["positive"] * 3


def test_only_a_single_finite_output_is_decided() -> None:
    inputs = (Field(name="text"),)
    assert decided_field(Signature(name="A", instructions="", inputs=inputs, outputs=(LABEL,))) == LABEL
    assert decided_field(Signature(name="B", instructions="", inputs=inputs, outputs=(Field(name="a"),))) is None
    two = (LABEL, Field(name="why"))
    assert decided_field(Signature(name="C", instructions="", inputs=inputs, outputs=two)) is None
