"""The task that a compile starts from."""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from cribsheet.errors import MetricError

Metric = Callable[..., Any]
"""Called with an example and a prediction; returns a number or a bool, and higher is better."""


@dataclass(frozen=True)
class Task:
    """What to compile: a program, the metric that scores it, and the rows it learns from.

    In a workspace's `programs/NAME.py`, a module-level `task = Task(…)` is what `optimize NAME` compiles.
    """

    program: Any
    """A dspy.Signature, a string such as `question, context -> answer`, a dspy.Module class, or an instance of one."""
    metric: Metric
    """`metric(example, prediction, trace=None)`; a higher value is better."""
    trainset: str | os.PathLike[str] | Iterable[Any]
    """A file (a name without a folder is looked up in the workspace's `trainsets/`), or rows: a list of dicts, of dspy
    examples, or a dataset."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Which field a column holds, if the names differ: `{column: field}`."""
    labels: Mapping[Any, str] = field(default_factory=dict)
    """Which label a value of a column stands for, such as `{0: "negative", 1: "positive"}`."""
    guard: bool = True
    """Whether the search may fit a guard if the answer's type is `X | Unanswerable`."""
    extract: bool = True
    """Whether the search may use extraction if the rows' answers are spans of an input."""
    metric_range: tuple[float, float] = (0.0, 1.0)
    """The metric's lowest and highest value: values are scaled to 0 to 1, and values outside are refused."""

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
                f"metric_range must be two finite numbers, the lower one first, but got {self.metric_range!r}. "
                "Give the metric's lowest and highest value, such as (0, 10)."
            )
