"""Convert the values that a metric returns to scores from 0 to 1."""

import inspect
import math
from functools import update_wrapper
from typing import Any, SupportsFloat

from cribsheet.dataset.examples import Row
from cribsheet.errors import MetricError
from cribsheet.task import Metric
from cribsheet.text import shortened

_BOUNDS = (0.0, 1.0)
_ROUNDING = 1e-9
"""How far a value may exceed a bound because of floating-point rounding."""


class Ranged:
    """A metric whose values have another range than 0 to 1."""

    def __init__(self, metric: Metric, low: float, high: float):
        update_wrapper(self, metric)  # keeps its name and its parameters
        self.__name__ = getattr(metric, "__name__", type(metric).__name__)
        self._metric, self.low, self.high = metric, low, high

    def __call__(self, *given: Any) -> Any:
        """Return the metric's own value."""
        return self._metric(*given)


def ranged(metric: Metric, bounds: tuple[float, float]) -> Metric:
    """Return the metric with its bounds, so that `apply_metric` scales it; the metric itself if they are 0 and 1."""
    return metric if bounds == _BOUNDS else Ranged(metric, *bounds)


def bounds_of(metric: Metric) -> tuple[float, float]:
    """Return the lowest and the highest value that a metric may return."""
    return (metric.low, metric.high) if isinstance(metric, Ranged) else _BOUNDS


def check_score(raw: object, *, metric_name: str, example: Any, bounds: tuple[float, float] = _BOUNDS) -> float:
    """Convert a metric's return value to a score from 0 to 1; a bool becomes 1 or 0, whatever the bounds.

    >>> check_score(True, metric_name="exact_match", example=None)
    1.0
    >>> check_score(8, metric_name="grade", example=None, bounds=(0, 10))
    0.8

    Raises:
        MetricError: if it is not a number, or not between the bounds.
    """
    if inspect.isawaitable(raw) or inspect.isasyncgen(raw):
        if inspect.iscoroutine(raw):
            raw.close()  # else Python warns that nobody awaited it
        raise MetricError(
            f"The metric {metric_name} is async: it returned a {type(raw).__name__} for {row_in_words(example)}. "
            "Metrics cannot be async. Write it with `def`, and call asynchronous code in it with `asyncio.run(…)`."
        )
    try:
        value = float(raw) if isinstance(raw, SupportsFloat) else math.nan
    except (TypeError, ValueError, OverflowError):  # a dspy.Prediction without a score, a number of 400 digits
        value = math.nan
    low, high = bounds
    if not math.isfinite(value):
        raise MetricError(
            f"The metric {metric_name} returned {shortened(repr(raw))} for {row_in_words(example)}. "
            "Let it return a finite number or a bool; higher is better."
        )
    if _is_bool(getattr(raw, "score", raw)):
        return value
    score = (value - low) / (high - low)
    if not -_ROUNDING <= score <= 1 + _ROUNDING:
        raise MetricError(
            f"The metric {metric_name} returned {value:.12g}, which is outside the range {low:g} to {high:g}, for "
            f"{row_in_words(example)}. Scale what it returns, or declare its range: Task(…, metric_range=(LOW, HIGH))."
        )
    return min(1.0, max(0.0, score))


def _is_bool(raw: object) -> bool:
    """Tell whether a value is a bool of Python or numpy."""
    return isinstance(raw, bool) or getattr(getattr(raw, "dtype", None), "kind", "") == "b"


def row_in_words(example: Any) -> str:
    """Describe a row for a message: its id, its place in the file, its values shortened."""
    if not isinstance(example, Row):
        return shortened(f"row {example!r}")
    values = ", ".join(f"{name}={shortened(repr(value), 80)}" for name, value in example.values.items())
    place = f" ({example.where})" if example.where else ""
    return f"row {example.id}{place} with {shortened(values, 400)}"
