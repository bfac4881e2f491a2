"""Minimize a smooth convex function of many variables."""

from collections.abc import Callable

import numpy as np

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Returns the value and the slope at a point."""

_MEMORY = 10
_STEPS, _HALVINGS = 100, 30
_ENOUGH = 1e-5
"""The search ends if a step lowers the value by less than this share of it."""
_DECREASE = 1e-4


def minimize(objective: Objective, start: np.ndarray) -> np.ndarray:
    """Return the point with the least value, by L-BFGS (Nocedal & Wright 2006, "Numerical Optimization", section 7.2).

    A step is halved until it lowers the value enough, so the value never rises.

    >>> [round(float(one), 3) for one in minimize(lambda x: (float(((x - 3) ** 2).sum()), 2 * (x - 3)), np.zeros(2))]
    [3.0, 3.0]
    """
    point, (value, slope) = start, objective(start)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(_STEPS):
        direction = -_scaled(slope, pairs)
        found = _stepped(objective, point, value, slope, direction)
        if found is None:
            break
        after, lower, steeper = found
        move, turn = after - point, steeper - slope
        if float(move @ turn) > 1e-12:
            pairs = [*pairs[1 - _MEMORY :], (move, turn)]
        gained, point, value, slope = value - lower, after, lower, steeper
        if gained < _ENOUGH * max(1.0, abs(value)):
            break
    return point


def _stepped(
    objective: Objective, point: np.ndarray, value: float, slope: np.ndarray, direction: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """Return the next point with its value and slope; None if no step lowers the value."""
    downhill = float(slope @ direction)
    for halving in range(_HALVINGS):
        step = 0.5**halving
        after = point + step * direction
        lower, steeper = objective(after)
        if lower <= value + _DECREASE * step * downhill:
            return (after, lower, steeper) if lower < value else None
    return None


def _scaled(slope: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the slope times the approximate inverse of the second derivatives, by the two-loop recursion."""
    vector, shares = slope.copy(), []
    for move, turn in reversed(pairs):
        share = float(move @ vector) / float(move @ turn)
        vector -= share * turn
        shares.append(share)
    if pairs:
        move, turn = pairs[-1]
        vector *= float(move @ turn) / float(turn @ turn)
    else:
        vector /= max(1.0, float(np.linalg.norm(vector)))
    for (move, turn), share in zip(pairs, reversed(shares), strict=True):
        vector += (share - float(turn @ vector) / float(move @ turn)) * move
    return vector
