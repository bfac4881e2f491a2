"""A program bound to its metric and its rows."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from cribsheet.errors import MetricError

Metric = Callable[..., Any]
"""Called with an example and a prediction; 1 or True is best."""


@dataclass(frozen=True)
class Task:
    """What to compile: a program, a metric that scores it, rows to learn from.

    In a workspace's `programs/NAME.py`, a module-level `task = Task(…)` is what `optimize NAME` compiles.
    """

    program: Any
    """A dspy.Signature, one in words such as `question, context -> answer`, a dspy.Module class, or an instance."""
    metric: Metric
    """`metric(example, prediction, trace=None)`; a higher value is better."""
    trainset: str | os.PathLike[str] | Iterable[Any]
    """A file, looked up in the workspace's `trainsets/` by a bare name; or rows: dicts, dspy examples, a dataset."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Columns of the rows that are fields under another name: `{column: field}`."""
    guard: bool = True
    """Whether an `X | Unanswerable` answer may be guarded."""
    extract: bool = True
    """Whether a written answer may be made a span of an input, if the answers of the rows are such."""
    metric_range: tuple[float, float] = (0.0, 1.0)
    """The metric's lowest value and its highest: its values are scaled to 0 to 1, others are refused."""

    def __post_init__(self) -> None:
        try:
            low, high = map(float, self.metric_range)
            is_pair = isinstance(self.metric_range, list | tuple) and all(
                isinstance(bound, Real) for bound in self.metric_range
            )
            is_range = is_pair and math.isfinite(low) and math.isfinite(high) and low < high
        except (TypeError, ValueError, OverflowError):
            is_range = False
        if not is_range:
            raise MetricError(
                f"metric_range is {self.metric_range!r}. Give two numbers, the lowest value and the highest, "
                "such as (0, 10)."
            )
