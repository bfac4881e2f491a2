"""Score a program on rows; parse failures, like crashes, are counted separately from wrong answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from cribsheet.corrections import Answer, Outputs
from cribsheet.dataset.examples import Row
from cribsheet.errors import CribsheetError, PromptError, told
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.evaluation.places import place_of
from cribsheet.evaluation.risk_coverage import Point, risk_coverage
from cribsheet.evaluation.scores import mean_score
from cribsheet.executor import Executor
from cribsheet.frozen.results import Unread
from cribsheet.frozen.running import Call, Run
from cribsheet.frozen.score import Score
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import Value, is_absent
from cribsheet.signature import Field
from cribsheet.task import Metric

Runner = Callable[[Mapping[str, Value]], Run]
"""Runs a program on one row's inputs."""


@dataclass(frozen=True)
class RowResult:
    """The result on one row."""

    example: Row
    score: float
    """The metric's score, 0 to 1; 0 if there is no answer."""
    run: Run | None
    """The program's run; None if it crashed."""
    error: str | None = None
    """Why it crashed; None if it did not."""
    place: str = ""
    """The line of the user's own code that crashed; empty if it was not the user's code."""

    @property
    def parse_failure(self) -> str | None:
        """Why the completion could not be parsed; None if it could."""
        failed = self.run is not None and isinstance(self.run.outputs, ParseFailure)
        return self.run.outputs.reason if failed else None  # type: ignore[union-attr]

    @property
    def crash(self) -> str:
        """Why the program crashed, at which line and on which row; empty if it did not crash."""
        places = "; ".join(filter(None, (self.place, self.example.where)))
        return "" if self.error is None else f"{self.error} ({places})" if places else self.error

    @property
    def calls(self) -> tuple[Call, ...]:
        """The predictors' calls; empty if the program crashed."""
        return self.run.calls if self.run else ()


@dataclass(frozen=True)
class Evaluation:
    """The results of a program on some rows."""

    rows: tuple[RowResult, ...]

    @cached_property
    def scores(self) -> tuple[float, ...]:
        """The score of each row."""
        return tuple(row.score for row in self.rows)

    @property
    def mean(self) -> float:
        """The mean score; 0 if there are no rows."""
        return sum(self.scores) / len(self.scores) if self.rows else 0.0

    @property
    def score(self) -> Score:
        """The mean score with its 95 % interval and the number of rows."""
        return mean_score(self.scores, groups=[row.example.group for row in self.rows])

    def answerable(self, field: Field) -> Score | None:
        """Return the score on the answerable rows; None if there are none."""
        rows = [row for row in self.rows if not is_absent(row.example.outputs[field.name][0])]
        return summarize(rows).score if rows else None

    @property
    def parse_failures(self) -> int:
        """The number of rows whose completion could not be parsed."""
        return sum(row.parse_failure is not None for row in self.rows)

    @property
    def unread(self) -> Unread:
        """How many answers could not be read, at first and at last."""
        again = [call.answer for row in self.rows for call in row.calls if call.answer.is_second]
        rescued = sum(not isinstance(answer.raw.outputs, ParseFailure) for answer in again)
        return Unread(asked_again=len(again), rescued=rescued, rows=self.parse_failures)

    @property
    def errors(self) -> int:
        """The number of rows on which the program crashed."""
        return sum(row.error is not None for row in self.rows)

    def outcomes(self, field: Field) -> list[tuple[str, str | None]]:
        """Return each row's gold and predicted outcome; the latter is None if there is no prediction."""
        return [
            (field.outcome_of(row.example.outputs[field.name][0]), _predicted_outcome(row, field)) for row in self.rows
        ]


def evaluate(runner: Runner, rows: Sequence[Row], metric: Metric, *, executor: Executor) -> Iterator[RowResult]:
    """Yield the result on each row, in order.

    Raises:
        MetricError: if the metric raises or does not return a number.
        ModelError: if the model cannot be reached. If it only refuses one prompt, such as one that is too long, that
            row counts as crashed and the evaluation continues.
    """
    return executor.map(lambda example: score_row(runner, example, metric), rows)


def summarize(results: Iterable[RowResult]) -> Evaluation:
    """Collect row results into an evaluation."""
    return Evaluation(tuple(results))


def score_run(example: Row, run: Run, metric: Metric) -> RowResult:
    """Score a run that already happened; MetricError if the metric raises or does not return a number."""
    if isinstance(run.outputs, ParseFailure):
        return RowResult(example, 0.0, run)
    score = apply_metric(metric, example, run.outputs, text=run.text, probability=run.probability)
    return RowResult(example, score, run)


def uncorrected_evaluation(evaluation: Evaluation, metric: Metric) -> Evaluation | None:
    """Score the same completions with every correction off; None if no correction was applied.

    Corrected outputs are replaced by the raw ones. Predictors that come later in the program are not run again on them.
    """
    if not any(call.answer.by for row in evaluation.rows for call in row.calls):
        return None
    return summarize(_uncorrected(row, metric) for row in evaluation.rows)


def selective_curve(evaluation: Evaluation, metric: Metric) -> tuple[Point, ...]:
    """Return the risk-coverage curve: the risk of the surest answers, for each share of the rows that get an answer.

    The sureness of an answer is the guard's probability, or else the answer's own probability. Answers that the guard
    withheld are included, so the guard's threshold is one point of the curve. Empty if no answer has a probability.
    """
    answers = [answer for row in evaluation.rows if (answer := _answer_of(row, metric)) is not None]
    return risk_coverage(answers, rows=len(evaluation.rows))


def _answer_of(row: RowResult, metric: Metric) -> tuple[float, float] | None:
    """Return the probability and the score of a row's answer, even if the guard withheld it; None if there is none."""
    if row.run is None or isinstance(row.run.outputs, ParseFailure):
        return None
    guarded = next((call.answer for call in reversed(row.calls) if call.answer.standing is not None), None)
    if guarded and guarded.evidence and guarded.standing is not None:
        answer = {guarded.evidence.field: guarded.evidence.answer}
        return guarded.standing, _rescored(row, _updated(row.run.outputs, answer), metric).score
    abstains = any(map(is_absent, row.run.outputs.values()))
    return None if abstains or row.run.probability is None else (row.run.probability, row.score)


def _uncorrected(row: RowResult, metric: Metric) -> RowResult:
    corrected: list[Answer] = [call.answer for call in row.calls if call.answer.changes]
    if row.run is None or isinstance(row.run.outputs, ParseFailure) or not corrected:
        return row
    raw = corrected[-1].raw.outputs
    if isinstance(raw, ParseFailure):
        return score_run(row.example, replace(row.run, outputs=raw), metric)
    return _rescored(row, _updated(row.run.outputs, raw), metric)


def _rescored(row: RowResult, outputs: Outputs, metric: Metric) -> RowResult:
    """Return the row's result with other outputs; the metric is called only if they differ."""
    if row.run is None or row.run.outputs == outputs:
        return row
    return score_run(row.example, replace(row.run, outputs=outputs), metric)


def _updated(outputs: Outputs, values: Outputs) -> Outputs:
    """Return the outputs with new values; values of other names are ignored."""
    return {**outputs, **{name: value for name, value in values.items() if name in outputs}}


def score_row(runner: Runner, example: Row, metric: Metric) -> RowResult:
    """Run the program on one row and score it; for errors see `evaluate`."""
    try:
        run = runner(example.inputs)
    except PromptError as error:
        return RowResult(example, 0.0, None, str(error))
    except (CribsheetError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - the program is the user's code; its crash is part of the result
        return RowResult(example, 0.0, None, told(error), place_of(error))
    return score_run(example, run, metric)


def _predicted_outcome(row: RowResult, field: Field) -> str | None:
    if row.run is None or isinstance(row.run.outputs, ParseFailure):
        return None
    return field.outcome_of(row.run.outputs[field.name])
