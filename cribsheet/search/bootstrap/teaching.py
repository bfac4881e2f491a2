"""Describe a teacher's runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cribsheet.dataset.traces import Trace
from cribsheet.errors import CompileError
from cribsheet.models import Model
from cribsheet.signature import REASONING
from cribsheet.text import counted

_SINGULAR = ("was", "its row is", "it scores")
_PLURAL = ("were", "their rows are", "they score")


@dataclass(frozen=True)
class TeacherSettings:
    """How demos are bootstrapped from a teacher."""

    teacher: Model | None = None
    """A model behind the completion cache; None for the student itself."""
    samples: int = 3
    """The most runs for each row. The first is greedy, the others are sampled. Hinted runs are not counted."""
    threshold: float = 1.0
    """The lowest score, 0 to 1, of a run that passes. Lower it for metrics that give partial scores."""
    reasoning: bool = False
    """Whether the teacher is also asked for rationales."""
    rationales: int = 2
    """How many different rationales are kept for each row (Ho et al. 2022, arXiv:2212.10071)."""
    rows: int = 150
    """The most rows of the demo pool that the teacher answers."""
    share: float = 0.25
    """The part of the remaining budget for runs without rationales, and then again for runs with rationales."""
    temperature: float = 0.7
    """The temperature of all samples but the first."""
    parallel: int | None = None
    """How many runs happen at once; None for the teacher's own `parallel`."""
    saved: Sequence[Trace] | None = None
    """Traces of earlier runs, used in place of asking the teacher; None if there are none."""

    def __post_init__(self) -> None:
        if self.samples < 1 or self.rationales < 1 or not 0 < self.threshold <= 1:
            raise CompileError(
                f"Bootstrapping with {counted(self.samples, 'sample')} and {counted(self.rationales, 'rationale')} a "
                f"row and a threshold of {self.threshold:g} is not valid. Give 1 or more of each, and a "
                "threshold above 0, at most 1."
            )


@dataclass
class TeacherRuns:
    """The results of a teacher's runs."""

    traces: list[Trace] = field(default_factory=list)
    """The calls of the runs that passed, in their order."""
    tried: int = 0
    """How many times the program ran; 0 if saved traces were used."""
    passed: int = 0
    """How many runs passed the metric, with a rationale that differs from the row's earlier ones."""
    failed: int = 0
    """How many runs had no result, because the teacher did not answer or the program crashed."""
    ignored: int = 0
    """How many saved traces were left out: their row is not in the demo pool, or their score is too low."""
    reasoning: bool = False
    """Whether rationales were wanted."""
    stopped: bool = False
    """Whether the runs ended early because their part of the budget was spent."""

    @property
    def rows(self) -> int:
        """How many rows have a pass."""
        return len({trace.row for trace in self.traces})

    @property
    def teachers(self) -> str:
        """The names of the teachers, separated by commas."""
        return ", ".join(dict.fromkeys(trace.teacher for trace in self.traces))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about the runs for the notes of the frozen file."""
        told = []
        if self.tried and not self.traces:
            told.append(
                f"No run of the teacher passed the metric, of {self.tried}: nothing was bootstrapped. Name a larger "
                "model with --teacher, or give the rows the fields that they lack."
            )
        if self.reasoning and not any(REASONING in trace.outputs for trace in self.traces):
            told.append("There are no rationales among the traces: no prompt that reasons was tried.")
        if self.stopped:
            told.append(
                f"The teacher's part of the budget ended after {counted(self.tried, 'run')}: "
                f"{counted(self.rows, 'row')} passed."
            )
        if self.failed:
            were = "was" if self.failed == 1 else "were"
            told.append(f"{self.failed} of {counted(self.tried, 'run')} of the teacher failed and {were} left out.")
        if self.ignored:
            were, rows, score = _SINGULAR if self.ignored == 1 else _PLURAL
            told.append(
                f"{counted(self.ignored, 'saved trace')} {were} ignored: {rows} not in this compile's demo pool, or "
                f"{score} below the threshold."
            )
        return tuple(told)
