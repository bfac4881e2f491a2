"""A program bound to its metric and its rows."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

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
    """`metric(example, prediction, trace=None)`, 0 to 1, higher is better."""
    trainset: str | os.PathLike[str]
    """A file; a bare name is looked up in the workspace's `trainsets/`."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Columns of the file that are fields under another name: `{column: field}`."""
    guard: bool = True
    """Whether an `X | Unanswerable` answer may be guarded."""
    extract: bool = True
    """Whether a written answer may be made a span of an input, if the answers of the rows are such."""
