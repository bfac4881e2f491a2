"""Decisions by log-probability, and the biases that mend them."""

import math

import pytest

from cribsheet.calibration import Calibration, batch_calibration, decided_field, outcome_logprobs, shares
from cribsheet.catalogue import layout_named
from cribsheet.layout import Layout
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
