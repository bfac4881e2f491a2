"""Fit the weights of tokens for outcomes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np

from cribsheet.corrections.readout import Readout, told_above

RIDGE = 20.0
"""Twice what a weight of 1 for a token's standard deviation costs, in nats: it takes rows enough to outweigh it."""

_TOLD = 0.5  # a token counts that is among the alternatives in this part of the rows
_STEADY = 0.3  # nats: what varies less is not scaled up to vary as much as the others
_STEPS = 200


class Told(NamedTuple):
    """What one row tells."""

    outcome: str
    """The right one."""
    shares: Mapping[str, float]
    """The calibrated probability of each outcome."""
    first_token: Mapping[str, float]
    """The natural log-probabilities of the first token's alternatives."""


def fit_readout(rows: Sequence[Told]) -> Readout:
    """Return the weights that make the right outcomes likeliest, each pulled towards nothing.

    Multinomial logistic regression that starts from the calibrated shares, by steps that bound the curvature
    and so never overshoot (Böhning 1992, "Multinomial Logistic Regression Algorithm").
    """
    outcomes, usual = list(rows[0].shares), _usual(rows)
    told = np.array([[*told_above(usual, row.first_token).values()] for row in rows]).reshape(len(rows), -1)
    spread = np.maximum(told.std(axis=0), _STEADY)
    columns = np.hstack([told / spread, np.ones((len(rows), 1))])
    start = np.log(np.maximum([[row.shares[outcome] for outcome in outcomes] for row in rows], 1e-30))
    right = np.array([[row.outcome == outcome for outcome in outcomes] for row in rows], dtype=float)
    bound = columns.T @ columns / 2 + RIDGE * np.eye(columns.shape[1])
    weights = np.zeros((columns.shape[1], len(outcomes)))
    for _ in range(_STEPS):
        slope = columns.T @ (_softmax(start + columns @ weights) - right) + RIDGE * weights
        weights -= np.linalg.solve(bound, slope)
    *by_token, biases = weights
    return Readout(
        usual={token: round(mean, 4) for token, mean in usual.items()},
        weights={
            token: _rounded(outcomes, line / scale) for token, line, scale in zip(usual, by_token, spread, strict=True)
        },
        biases=_rounded(outcomes, biases),
    )


def _usual(rows: Sequence[Told]) -> dict[str, float]:
    """Return the mean log-probability of each token that most rows tell of."""
    counts = Counter(token for row in rows for token in row.first_token)
    floors = [min(row.first_token.values()) for row in rows]
    return {
        token: fmean(row.first_token.get(token, floor) for row, floor in zip(rows, floors, strict=True))
        for token, count in counts.items()
        if count >= _TOLD * len(rows)
    }


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _rounded(outcomes: Sequence[str], values: np.ndarray) -> dict[str, float]:
    """Return the weights by outcome, with four decimals: a file is read by people."""
    return {outcome: round(float(value), 4) for outcome, value in zip(outcomes, values, strict=True)}
