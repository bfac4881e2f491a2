"""Fit ridge logistic regression around what is known before."""

import math
from collections.abc import Sequence

_STEPS = 30
_HALVINGS = 20
_ENOUGH = 1e-7

Vector = Sequence[float]


def fit_logistic(
    rows: Sequence[Vector], targets: Sequence[bool], *, centre: Vector, ridge: Vector
) -> tuple[float, ...]:
    """Return the weights that maximise the likelihood less ridge / 2 times the squared distance from `centre`.

    Newton's method with step halving, which cannot diverge (Hastie et al. 2009, "The Elements of
    Statistical Learning", section 4.4). A column of ones makes an intercept.

    >>> (weight,) = fit_logistic([(1.0,)] * 4, [True, True, True, False], centre=(0.0,), ridge=(0.0,))
    >>> round(weight, 4) == round(math.log(3), 4)
    True
    """
    weights = list(centre)
    loss = _loss(rows, targets, weights, centre, ridge)
    for _ in range(_STEPS):
        step = _newton_step(rows, targets, weights, centre, ridge)
        for halving in range(_HALVINGS):
            tried = [weight - part / 2**halving for weight, part in zip(weights, step, strict=True)]
            after = _loss(rows, targets, tried, centre, ridge)
            if after <= loss:
                break
        else:
            break
        gained, weights, loss = loss - after, tried, after
        if gained < _ENOUGH:
            break
    return tuple(weights)


def _loss(rows: Sequence[Vector], targets: Sequence[bool], weights: Vector, centre: Vector, ridge: Vector) -> float:
    """Return the negative log-likelihood plus the penalty."""
    likelihood = 0.0
    for row, target in zip(rows, targets, strict=True):
        logit = _dot(weights, row)
        wrong = -logit if target else logit
        likelihood += max(wrong, 0.0) + math.log1p(math.exp(-abs(wrong)))
    moved = zip(weights, centre, ridge, strict=True)
    return likelihood + math.fsum(pull * (weight - middle) ** 2 for weight, middle, pull in moved) / 2


def _newton_step(
    rows: Sequence[Vector], targets: Sequence[bool], weights: Vector, centre: Vector, ridge: Vector
) -> list[float]:
    size = len(weights)
    slope = [pull * (weight - middle) for weight, middle, pull in zip(weights, centre, ridge, strict=True)]
    # A trace of ridge keeps the system solvable where columns depend on each other.
    bend = [[(ridge[i] + 1e-6 if i == j else 0.0) for j in range(size)] for i in range(size)]
    for row, target in zip(rows, targets, strict=True):
        mean = 1 / (1 + math.exp(-max(-60.0, min(60.0, _dot(weights, row)))))
        miss, spread = mean - target, mean * (1 - mean)
        for i, value in enumerate(row):
            slope[i] += miss * value
            scaled, line = spread * value, bend[i]
            for j in range(i + 1):
                line[j] += scaled * row[j]
    for i in range(size):
        for j in range(i):
            bend[j][i] = bend[i][j]
    return _solved(bend, slope)


def _solved(matrix: list[list[float]], right: Vector) -> list[float]:
    """Return what solves a positive definite system, by elimination without pivots."""
    size = len(right)
    lines = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    for at in range(size):
        for below in range(at + 1, size):
            factor = lines[below][at] / lines[at][at]
            lines[below] = [low - factor * high for low, high in zip(lines[below], lines[at], strict=True)]
    found = [0.0] * size
    for at in reversed(range(size)):
        known = _dot(lines[at][at + 1 : size], found[at + 1 :])
        found[at] = (lines[at][size] - known) / lines[at][at]
    return found


def _dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
