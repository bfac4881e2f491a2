"""One candidate's way through the validation rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from cribsheet.calibration import batch_calibration
from cribsheet.evaluate import Evaluation, RowResult, evaluate, summarize
from cribsheet.examples import Example
from cribsheet.executor import Executor
from cribsheet.frozen import FrozenPrompt
from cribsheet.metrics import Metric
from cribsheet.models import Completer, Completion, Model, Sampling
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.running import Call, Run
from cribsheet.search.budget import Ledger
from cribsheet.search.candidate import Candidate
from cribsheet.search.guarding import GuardFitter

MIN_BATCH = 8
"""The fewest rows that biases are fitted on."""

ProgramRunner = Callable[[Mapping[str, FrozenPrompt], Mapping[str, Value], Completer], Run]
"""Runs the program with some prompts on one row's inputs."""


@dataclass(frozen=True)
class Conditions:
    """What is the same for all trials of a compile."""

    run: ProgramRunner
    model: Model
    metric: Metric
    ledger: Ledger
    executor: Executor
    fit_guard: GuardFitter | None = None
    """Fits guards, where the task has an answer to guard."""

    def answer(
        self, candidate: Candidate, rows: Sequence[Example], model: Completer | None = None
    ) -> Iterator[RowResult]:
        """Yield how each row goes with a candidate as it is; nothing is fitted or charged."""

        def runner(inputs: Mapping[str, Value]) -> Run:
            return self.run(candidate.prompts, inputs, model or self.model)

        return evaluate(runner, rows, self.metric, executor=self.executor)


class Trial:
    """A candidate, what it answered so far, and the calibration fitted on that.

    Rows are added in blocks. After each block the biases and the guard are fitted on all rows so
    far, and the rows are answered again: the completions are remembered, so only a decision that
    changes what a later predictor is asked costs anything.
    """

    def __init__(self, candidate: Candidate, conditions: Conditions):
        self.candidate = candidate
        self.evaluation = Evaluation(())
        self.cost = 0.0
        """What it has cost, in the budget's unit."""
        self._uncorrected = candidate
        self._plain: list[RowResult] = []
        self._conditions = conditions
        self._memory = _Memory(conditions.model)
        self._paid: set[str] = set()

    @property
    def mean(self) -> float:
        """The mean score on the rows so far."""
        return self.evaluation.mean

    @property
    def merits(self) -> tuple[float, ...]:
        """What candidates are compared by, row by row: the score and the probability of the right outcome.

        How sure a decision was tells more about a candidate than which side it fell on: over 24 demo
        sets for SST-2, 16 rows ranked by it agree with 200 others as well as 32 ranked by the score
        alone. A written answer counts by its score.
        """
        return tuple(self._merit(row) for row in self.evaluation.rows)

    @property
    def merit(self) -> float:
        """The mean of the merits so far."""
        return fmean(self.merits) if self.rows else 0.0

    def _merit(self, row: RowResult) -> float:
        shares = row.calls[0].answer.shares if len(row.calls) == 1 else None
        if shares is None:
            return row.score
        (field,) = self.candidate.prompts[row.calls[0].predictor].signature.outputs
        return (row.score + 2 * shares[field.outcome_of(getattr(row.example, field.name))]) / 3

    @property
    def rows(self) -> int:
        """How many rows have been answered."""
        return len(self.evaluation.rows)

    def extend(self, rows: Sequence[Example]) -> None:
        """Answer rows up to the last of `rows`, which starts with those answered before.

        Raises:
            BudgetExhausted: where the ledger stops it; the trial stays as it was.
        """
        fresh = rows[self.rows :]
        if not fresh:
            return
        self._conditions.ledger.begin_block()
        plain = [*self._plain, *self._answer(self._uncorrected, fresh)]
        evaluation, candidate = summarize(plain), self._uncorrected
        corrected = self._correct(plain)
        if corrected != candidate:
            second = summarize(self._answer(corrected, rows))
            if second.mean >= evaluation.mean:
                evaluation, candidate = second, corrected
        self._plain, self.evaluation, self.candidate = plain, evaluation, candidate

    def _answer(self, candidate: Candidate, rows: Sequence[Example]) -> list[RowResult]:
        results = []
        for result in self._conditions.answer(candidate, rows, self._memory):
            self._charge(result.calls)
            results.append(result)
        return results

    def _charge(self, calls: Sequence[Call]) -> None:
        for call in calls:
            key = call.answer.prompt.plain
            if key not in self._paid:
                self._paid.add(key)
                self.cost += self._conditions.ledger.charge(call.answer.prompt, call.answer.completion)
        self._conditions.ledger.check()

    def _correct(self, results: Sequence[RowResult]) -> Candidate:
        """Return the candidate with biases and guard fitted on what it answered uncorrected."""
        prompts, fit_guard = {}, self._conditions.fit_guard
        for name, prompt in self._uncorrected.prompts.items():
            calls = [call for row in results for call in row.calls if call.predictor == name]
            logprobs = [call.answer.logprobs for call in calls if call.answer.logprobs is not None]
            calibration = batch_calibration(logprobs) if len(logprobs) >= MIN_BATCH else None
            guard = fit_guard(results, calibration) if fit_guard and fit_guard.guards(name) else None
            prompts[name] = prompt.model_copy(update={"calibration": calibration, "guard": guard})
        return replace(self._uncorrected, prompts=prompts)


class _Memory:
    """A model that remembers what it was asked: a trial never asks the same twice."""

    def __init__(self, model: Completer):
        self._model = model
        self._known: dict[tuple[Prompt, Sampling], Completion] = {}

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        key = (prompt, sampling)
        if key not in self._known:
            self._known[key] = self._model.complete(prompt, sampling)
        return self._known[key]
