"""Fit a readout on what a candidate answered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from cribsheet.corrections.readout import Readout, told_above
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.layout.decisions import decided_field
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.calibration import decides
from cribsheet.search.regression import Choices, fit_choices

RIDGE = 20.0
"""The penalty: a weight of 1 for one standard deviation of a token costs half of it, in nats."""
READ_FROM = 64
"""The fewest rows that a readout is fitted on: fewer tell too little about so many tokens."""

_MOST_SIGNALS = 80_000_000
"""The most numbers that a fit works on, about 2 GB. It has one for each row, outcome, and weight of each outcome: 77
outcomes, 60 tokens and 200 rows fit, many hundreds of outcomes do not."""

_TOLD = 0.5  # a token is used if it is among the alternatives in this part of the rows
_STEADY = 0.3  # nats: a token that varies less is not scaled up to vary as much as the others


class ReadoutFitter:
    """Fits readouts."""

    kind = "readout"

    def suits(self, results: Sequence[RowResult]) -> bool:
        """Tell whether enough rows were decided by log-probabilities."""
        return len(results) >= READ_FROM and decides(results)

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> Readout | None:
        """Return the readout of a predictor; None if the rows lack its output, or there are too many outcomes."""
        field = decided_field(candidate.prompts[predictor].signature)
        told = [
            Told(field.outcome_of(row.example.outputs[field.name][0]), answer.shares, first_token)
            for row in results
            for answer in (call.answer for call in row.calls if call.predictor == predictor)
            if field and field.name in row.example.outputs
            if answer.shares is not None and (first_token := answer.completion.first_token)
        ]
        return fit_readout(told) if told else None


class Told(NamedTuple):
    """One row that a readout is fitted on."""

    outcome: str
    """The right outcome."""
    shares: Mapping[str, float]
    """The calibrated probability of each outcome."""
    first_token: Mapping[str, float]
    """The natural log-probabilities of the first token's alternatives."""


def fit_readout(rows: Sequence[Told]) -> Readout | None:
    """Return the weights that make the right outcomes likeliest, each pulled towards 0.

    It is a multinomial logistic regression with the logarithms of the shares as offsets. Return None if it would take
    too much memory.
    """
    outcomes, usual = list(rows[0].shares), _usual(rows)
    if len(rows) * len(outcomes) ** 2 * (len(usual) + 1) > _MOST_SIGNALS:
        return None
    told = np.array([[*told_above(usual, row.first_token).values()] for row in rows]).reshape(len(rows), -1)
    spread = np.maximum(told.std(axis=0), _STEADY)
    columns = np.hstack([told / spread, np.ones((len(rows), 1))])
    start = np.log(np.maximum([[row.shares[outcome] for outcome in outcomes] for row in rows], 1e-30))
    right = np.array([[row.outcome == outcome for outcome in outcomes] for row in rows], dtype=bool)
    # All outcomes' weights form one vector: an option's signals are the row's columns, at the place of its outcome.
    signals = np.einsum("rc,op->rocp", columns, np.eye(len(outcomes))).reshape(len(rows), len(outcomes), -1)
    known = right.any(axis=1)
    choices = Choices(signals[known], right[known], start[known])
    weights = fit_choices(choices, ridge=np.full(signals.shape[2], RIDGE)).reshape(columns.shape[1], len(outcomes))
    *by_token, biases = weights
    return Readout(
        usual={token: round(mean, 4) for token, mean in usual.items()},
        weights={
            token: _rounded(outcomes, line / scale) for token, line, scale in zip(usual, by_token, spread, strict=True)
        },
        biases=_rounded(outcomes, biases),
    )


def _usual(rows: Sequence[Told]) -> dict[str, float]:
    """Return the mean log-probability of each token that is among the alternatives in most rows."""
    counts = Counter(token for row in rows for token in row.first_token)
    floors = [min(row.first_token.values()) for row in rows]
    return {
        token: fmean(row.first_token.get(token, floor) for row, floor in zip(rows, floors, strict=True))
        for token, count in counts.items()
        if count >= _TOLD * len(rows)
    }


def _rounded(outcomes: Sequence[str], values: np.ndarray) -> dict[str, float]:
    """Return the weights by outcome, rounded to four decimals to keep the file readable."""
    return {outcome: round(float(value), 4) for outcome, value in zip(outcomes, values, strict=True)}
