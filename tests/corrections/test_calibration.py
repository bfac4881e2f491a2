"""The biases that mend decisions by log-probability."""

import math

from cribsheet.corrections.calibration import Calibration, batch_calibration, shares
from cribsheet.layout.decisions import decided_field
from cribsheet.signature import Field, Signature

LABEL = Field(name="sentiment", kind="label", labels=("negative", "positive"))


def likeliest(logprobs: dict[str, float], calibration: Calibration | None = None) -> str:
    found = shares(logprobs, calibration)
    return max(found, key=found.__getitem__)


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
