"""How a teacher is asked, what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cribsheet.errors import CompileError
from cribsheet.models import Model
from cribsheet.search.bootstrap.traces import Trace
from cribsheet.signature import REASONING


@dataclass(frozen=True)
class TeacherSettings:
    """Whose runs demonstrations are drawn from, and how many."""

    teacher: Model | None = None
    """A model behind the completion cache; None for the student itself."""
    samples: int = 3
    """The most runs a row: the first greedy, further ones at a temperature. Hinted runs count apart."""
    threshold: float = 1.0
    """The lowest score, 0 to 1, of a run that passes; lower for metrics that give part of a point."""
    reasoning: bool = False
    """Whether rationales are asked for too."""
    rationales: int = 2
    """How many different rationales a row may give (Ho et al. 2022, arXiv:2212.10071)."""
    rows: int = 150
    """The most rows of the demo pool that are asked."""
    share: float = 0.25
    """The part of what is left of the budget that runs without rationales, and again runs with them, may spend."""
    temperature: float = 0.7
    """Of the samples after the first."""
    parallel: int | None = None
    """Runs at once; None for as many as the teacher likes."""
    saved: Sequence[Trace] | None = None
    """Traces of earlier runs, taken in place of asking; None if there are none."""

    def __post_init__(self) -> None:
        if self.samples < 1 or self.rationales < 1 or not 0 < self.threshold <= 1:
            raise CompileError(
                f"Bootstrapping with {self.samples} samples and {self.rationales} rationales a row and a threshold of "
                f"{self.threshold:g} is not valid. Give 1 or more of each, and a threshold above 0, at most 1."
            )


@dataclass
class TeacherRuns:
    """What a teacher's runs gave."""

    traces: list[Trace] = field(default_factory=list)
    """The calls of the runs that passed, in the order in which they were asked."""
    tried: int = 0
    """Runs of the program; none if saved traces were taken."""
    passed: int = 0
    """Runs that became traces: right, and with another rationale than the row's runs before."""
    failed: int = 0
    """Runs without an answer: the teacher did not answer, or the program crashed."""
    ignored: int = 0
    """Saved traces that belong to no row of the demo pool, or score too low."""
    reasoning: bool = False
    """Whether rationales were wanted."""
    stopped: bool = False
    """Whether its part of the budget ended before the rows did."""

    @property
    def rows(self) -> int:
        """Rows with a pass."""
        return len({trace.row for trace in self.traces})

    @property
    def teachers(self) -> str:
        """Who answered."""
        return ", ".join(dict.fromkeys(trace.teacher for trace in self.traces))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result should know."""
        told = []
        if self.tried and not self.traces:
            told.append(f"No run of the teacher passed the metric, of {self.tried}: nothing was bootstrapped.")
        if self.reasoning and not any(REASONING in trace.outputs for trace in self.traces):
            told.append("There are no rationales among the traces: no prompt that reasons was tried.")
        if self.stopped:
            told.append(f"The teacher's part of the budget ended after {self.tried} runs: {self.rows} rows passed.")
        if self.failed:
            told.append(f"{self.failed} of {self.tried} runs of the teacher failed and were left out.")
        if self.ignored:
            told.append(
                f"{self.ignored} saved traces were ignored: their rows are not in this compile's demo pool, or "
                "they score below the threshold."
            )
        return tuple(told)
