"""The settings of a compile."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cribsheet.carriage import Carriage

DEFAULT_MODEL = "embedded/smollm2-135m"


@dataclass(frozen=True)
class Settings:
    """Everything a user can choose about a compile."""

    model: str = DEFAULT_MODEL
    api_base: str | None = None
    context_window: int | None = None
    """The most tokens of prompt and completion together; None for the value that the model reports."""
    timeout: float = 120.0
    """How many seconds a server may take to answer one request."""
    long_rows: int | None = None
    """The most rows that may be left out because they are too long for the model; None for 1 in 20."""
    trainset: str | os.PathLike[str] | Iterable[Any] | None = None
    """Rows to use instead of the task's own trainset."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Which field a column holds, if the names differ: `{column: field}`."""
    labels: Mapping[Any, str] = field(default_factory=dict)
    """Which label a value of a column stands for, such as `{0: "negative", 1: "positive"}`."""
    limit: int | None = None
    """The most rows that are read from the beginning of the trainset; None for all."""
    sample: int | None = None
    """How many of these rows are drawn by the seed; None for all."""
    allow_empty: bool = False
    """Whether a text field of a row may be empty."""
    optimizer: str = "race"
    budget: str = "40k"
    seed: int = 0
    carriage: Carriage = "runtime"
    """What the deployment can carry; candidates are compared and scored with only that."""
    teacher: str | None = None
    """The model whose runs become demonstrations; None for the compiled model itself."""
    teacher_api_base: str | None = None
    """The address of the teacher's server, if it has one."""
    traces: str | os.PathLike[str] | None = None
    """A file of the teacher's passing runs: read if it exists, else written."""
    samples: int | None = None
    """The most runs of the teacher per row; None for 3."""
    threshold: float | None = None
    """The lowest score at which a run becomes demonstrations; None for 1."""
    reasoning: bool = False
    """Whether the teacher is asked for rationales, so that the search can try prompts that reason first."""
    go_on: bool = False
    """Whether to continue the search even if the first answers are empty or contain only thoughts."""

    @property
    def bootstraps(self) -> bool:
        """Whether any of these settings asks for bootstrapped demonstrations."""
        has_numbers = self.samples is not None or self.threshold is not None
        return bool(self.teacher or self.traces or self.reasoning) or has_numbers
