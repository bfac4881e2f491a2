"""Fit the weights of a choice between several options."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_STEPS, _HALVINGS = 50, 20
_ENOUGH = 1e-7
_TRACE = 1e-6  # a small ridge, which keeps the system solvable if columns depend on each other

Vector = Sequence[float]


@dataclass(frozen=True)
class Choices:
    """Rows, each of which chooses one of several options."""

    signals: np.ndarray
    """The signals of each option: (rows, options, weights)."""
    right: np.ndarray
    """Whether an option is right: (rows, options), of bool. Each row needs at least one."""
    offset: np.ndarray
    """The score of an option without any weight: (rows, options); minus infinity for an option that a row lacks."""


def fit_choices(choices: Choices, *, ridge: np.ndarray, centre: np.ndarray | None = None) -> np.ndarray:
    """Return the weights that maximise the log-likelihood less ridge / 2 times the squared distance from `centre`.

    This is a conditional logit (McFadden 1974, "Conditional logit analysis of qualitative choice behavior"). If several
    options of a row are right, the likelihood is that one of them is chosen. Binary and multinomial logistic regression
    are special cases. It is solved by Newton's method with step halving, which cannot diverge (Hastie et al. 2009, "The
    Elements of Statistical Learning", section 4.4). `ridge`, `centre` and the result have one value for each weight.
    """
    middle = np.zeros(choices.signals.shape[2]) if centre is None else centre
    weights, loss = middle.copy(), _loss(choices, middle, middle, ridge)
    for _ in range(_STEPS):
        step = _newton_step(choices, weights, middle, ridge)
        for halving in range(_HALVINGS):
            tried = weights - step / 2**halving
            after = _loss(choices, tried, middle, ridge)
            if after <= loss:
                break
        else:
            break
        gained, weights, loss = loss - after, tried, after
        if gained < _ENOUGH:
            break
    return weights


def fit_logistic(
    rows: Sequence[Vector], targets: Sequence[bool], *, centre: Vector, ridge: Vector
) -> tuple[float, ...]:
    """Return the weights of a ridge logistic regression around `centre`; a column of ones makes an intercept.

    >>> (weight,) = fit_logistic([(1.0,)] * 4, [True, True, True, False], centre=(0.0,), ridge=(0.0,))
    >>> round(weight, 4) == round(math.log(3), 4)
    True
    """
    columns, right = np.array(rows, dtype=float), np.array(targets, dtype=bool)
    signals = np.stack([columns, np.zeros_like(columns)], axis=1)
    choices = Choices(signals, np.stack([right, ~right], axis=1), np.zeros((len(columns), 2)))
    found = fit_choices(choices, ridge=np.array(ridge, dtype=float), centre=np.array(centre, dtype=float))
    return tuple(map(float, found))


def _loss(choices: Choices, weights: np.ndarray, centre: np.ndarray, ridge: np.ndarray) -> float:
    """Return the negative log-likelihood of the right options plus the penalty."""
    scores = choices.signals @ weights + choices.offset
    right = np.where(choices.right, scores, -math.inf)
    missed = np.logaddexp.reduce(scores, axis=1) - np.logaddexp.reduce(right, axis=1)
    return float(missed.sum() + (ridge * (weights - centre) ** 2).sum() / 2)


def _newton_step(choices: Choices, weights: np.ndarray, centre: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Return the Newton step. Each right option is weighted by its share of the right options' probability."""
    signals = choices.signals
    scores = signals @ weights + choices.offset
    chance = np.exp(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True))
    right = np.where(choices.right, chance, 0.0)
    wanted = right / np.maximum(right.sum(axis=1, keepdims=True), 1e-300)
    mean = np.einsum("ro,row->rw", chance, signals)
    slope = np.einsum("ro,row->w", chance - wanted, signals) + ridge * (weights - centre)
    flat = (signals * np.sqrt(chance)[:, :, None]).reshape(-1, len(weights))
    bend = flat.T @ flat - mean.T @ mean + np.diag(ridge + _TRACE)
    step: np.ndarray = np.linalg.solve(bend, slope)
    return step
