"""The values that metrics may give, and the scores that they become."""

import math
from functools import update_wrapper
from typing import Any, SupportsFloat

from cribsheet.dataset.examples import Row
from cribsheet.errors import MetricError
from cribsheet.task import Metric

_BOUNDS = (0.0, 1.0)
_ROUNDING = 1e-9
"""What sums of floating-point numbers may exceed a bound by."""


class Ranged:
    """A metric whose values are from another range than 0 to 1."""

    def __init__(self, metric: Metric, low: float, high: float):
        update_wrapper(self, metric)  # what it is called, and which parameters it takes
        self.__name__ = getattr(metric, "__name__", type(metric).__name__)
        self._metric, self.low, self.high = metric, low, high

    def __call__(self, *given: Any) -> Any:
        """Return the metric's own value."""
        return self._metric(*given)


def ranged(metric: Metric, bounds: tuple[float, float]) -> Metric:
    """Return a metric that `apply_metric` scales to 0 to 1: the metric itself if those are its bounds already."""
    return metric if bounds == _BOUNDS else Ranged(metric, *bounds)


def bounds_of(metric: Metric) -> tuple[float, float]:
    """Return the lowest value that a metric may give, and the highest."""
    return (metric.low, metric.high) if isinstance(metric, Ranged) else _BOUNDS


def check_score(raw: object, *, metric_name: str, example: Any, bounds: tuple[float, float] = _BOUNDS) -> float:
    """Return what a metric gave as a score from 0 to 1; a bool is 1 or 0, whatever the bounds.

    >>> check_score(True, metric_name="exact_match", example=None)
    1.0
    >>> check_score(8, metric_name="grade", example=None, bounds=(0, 10))
    0.8

    Raises:
        MetricError: if it is no number, or not one between the bounds.
    """
    try:
        value = float(raw) if isinstance(raw, SupportsFloat) else math.nan
    except (TypeError, ValueError, OverflowError):  # a dspy.Prediction without a score, a number of 400 digits
        value = math.nan
    low, high = bounds
    if not math.isfinite(value):
        raise MetricError(
            f"The metric {metric_name} gave {shortened(repr(raw))} for {row_in_words(example)}. "
            "It must return a finite number or a bool; 1 is best."
        )
    if _is_bool(getattr(raw, "score", raw)):
        return value
    score = (value - low) / (high - low)
    if not -_ROUNDING <= score <= 1 + _ROUNDING:
        raise MetricError(
            f"The metric {metric_name} gave {value:.12g}, which is not from {low:g} to {high:g}, for "
            f"{row_in_words(example)}. Scale what it returns, or declare its range: Task(…, metric_range=(LOW, HIGH))."
        )
    return min(1.0, max(0.0, score))


def _is_bool(raw: object) -> bool:
    """Tell whether a value is a bool of Python's or numpy's."""
    return isinstance(raw, bool) or getattr(getattr(raw, "dtype", None), "kind", "") == "b"


def row_in_words(example: Any) -> str:
    """Return which row it is, with its values cut short."""
    if not isinstance(example, Row):
        return shortened(f"row {example!r}")
    values = ", ".join(f"{name}={shortened(repr(value), 80)}" for name, value in example.values.items())
    place = f" ({example.where})" if example.where else ""
    return f"row {example.id}{place} with {shortened(values, 400)}"


def shortened(text: str, limit: int = 240) -> str:
    """Return a text without its end if it is long."""
    return text if len(text) <= limit else f"{text[:limit]}…"
