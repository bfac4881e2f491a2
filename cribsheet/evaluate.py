"""Score answers on rows, with parse failures and crashes counted apart from wrong answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cribsheet.errors import ContextOverflowError, CribsheetError
from cribsheet.examples import Example
from cribsheet.executor import Executor
from cribsheet.metrics import Metric, apply_metric
from cribsheet.outcomes import Value
from cribsheet.parsing import ParseFailure
from cribsheet.running import Call, Run
from cribsheet.scores import Score, mean_score
from cribsheet.signature import Field

Runner = Callable[[Mapping[str, Value]], Run]
"""Runs a program on one row's inputs."""


@dataclass(frozen=True)
class RowResult:
    """How one row went."""

    example: Example
    score: float
    """The metric's value; 0 where there is no answer."""
    run: Run | None
    """What the program gave; None where it crashed."""
    error: str | None = None
    """Why it crashed."""

    @property
    def parse_failure(self) -> str | None:
        """Why the completion could not be read, None where it could."""
        failed = self.run is not None and isinstance(self.run.prediction, ParseFailure)
        return self.run.prediction.reason if failed else None  # type: ignore[union-attr]

    @property
    def calls(self) -> tuple[Call, ...]:
        """The predictors' calls, none where the program crashed."""
        return self.run.calls if self.run else ()


@dataclass(frozen=True)
class Evaluation:
    """How a program did on some rows."""

    rows: tuple[RowResult, ...]

    @cached_property
    def scores(self) -> tuple[float, ...]:
        """The metric's value on each row."""
        return tuple(row.score for row in self.rows)

    @property
    def mean(self) -> float:
        """The mean score, 0 where there are no rows."""
        return sum(self.scores) / len(self.scores) if self.rows else 0.0

    @property
    def score(self) -> Score:
        """The mean with n and its 95 % interval."""
        return mean_score(self.scores, groups=[row.example.group for row in self.rows])

    @property
    def parse_failures(self) -> int:
        """Rows whose completion could not be read."""
        return sum(row.parse_failure is not None for row in self.rows)

    @property
    def errors(self) -> int:
        """Rows on which the program crashed."""
        return sum(row.error is not None for row in self.rows)

    def outcomes(self, field: Field) -> list[tuple[str, str | None]]:
        """Return each row's accepted and predicted outcome; None where there is no prediction."""
        return [
            (field.outcome_of(getattr(row.example, field.name)), _predicted_outcome(row, field)) for row in self.rows
        ]


def evaluate(runner: Runner, rows: Sequence[Example], metric: Metric, *, executor: Executor) -> Iterator[RowResult]:
    """Yield how each row went, in order.

    Raises:
        MetricError: where the metric raises or gives no number.
        ModelError: where the model is gone; a prompt too long for it is that row's crash alone.
    """
    return executor.map(lambda example: _score_row(runner, example, metric), rows)


def summarize(results: Iterable[RowResult]) -> Evaluation:
    """Gather rows into an evaluation."""
    return Evaluation(tuple(results))


def _score_row(runner: Runner, example: Example, metric: Metric) -> RowResult:
    try:
        run = runner(example.inputs)
    except ContextOverflowError as error:
        return RowResult(example, 0.0, None, str(error))
    except CribsheetError:
        raise
    except Exception as error:  # noqa: BLE001 - the program is the user's code; its crash is a finding
        return RowResult(example, 0.0, None, f"{type(error).__name__}: {error}")
    if isinstance(run.prediction, ParseFailure):
        return RowResult(example, 0.0, run)
    return RowResult(example, apply_metric(metric, example, run.prediction), run)


def _predicted_outcome(row: RowResult, field: Field) -> str | None:
    if row.run is None or isinstance(row.run.prediction, ParseFailure):
        return None
    return field.outcome_of(row.run.prediction.outputs[field.name])
