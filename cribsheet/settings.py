"""What a user may choose about a compile."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cribsheet.carriage import Carriage

DEFAULT_MODEL = "embedded/smollm2-135m"


@dataclass(frozen=True)
class Settings:
    """How to compile."""

    model: str = DEFAULT_MODEL
    api_base: str | None = None
    trainset: str | os.PathLike[str] | Iterable[Any] | None = None
    """In place of the task's own."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Columns that are fields under another name: `{column: field}`."""
    allow_empty: bool = False
    """Whether texts of the rows may be empty."""
    optimizer: str = "race"
    budget: str = "40k"
    seed: int = 0
    carriage: Carriage = "runtime"
    """What the deployment will carry: candidates are compared, and scored, with nothing else."""
    teacher: str | None = None
    """A model whose runs demonstrations are drawn from; None for the compiled model itself."""
    teacher_api_base: str | None = None
    """Where a served teacher answers."""
    traces: str | os.PathLike[str] | None = None
    """A file of a teacher's passing runs: read if it is there, else written."""
    samples: int | None = None
    """The most runs of the teacher a row; None for 3."""
    threshold: float | None = None
    """The lowest score of a run that demonstrations are drawn from; None for 1."""
    reasoning: bool = False
    """Whether rationales are asked for, so that prompts that reason before they answer can be tried."""
    go_on: bool = False
    """Whether to search on although the first answers are empty, or thoughts alone."""

    @property
    def bootstraps(self) -> bool:
        """Whether anything here asks for bootstrapped demonstrations."""
        return bool(self.teacher or self.traces or self.samples or self.threshold or self.reasoning)
