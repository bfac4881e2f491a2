"""One candidate's way through the validation rows."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

import numpy as np

from cribsheet.calibration import CONTENT_FREE, decided_field
from cribsheet.evaluate import Evaluation, RowResult, evaluate, score_run, summarize
from cribsheet.examples import Example, Prediction
from cribsheet.executor import Executor
from cribsheet.frozen import FrozenPrompt, Wiring
from cribsheet.metrics import Metric, apply_metric
from cribsheet.models import Completer, Completion, Model, Sampling
from cribsheet.outcomes import Value
from cribsheet.parsing import ParseFailure
from cribsheet.prompts import Prompt
from cribsheet.running import Call, Run, ask, reread, withheld
from cribsheet.search.budget import BudgetExhausted, Ledger, SearchStopped
from cribsheet.search.candidate import Candidate
from cribsheet.search.fitting import Fitter, Kind, folds
from cribsheet.search.guarding import GuardFitter
from cribsheet.search.pointing import PointerFitter
from cribsheet.signature import Field

CONTEXTUAL_FROM = 32
"""The rows from which on inputs without content are asked too: before, they would cost too large a part."""

_CAUTION = 2.0
_LEAST_COST = 1e-6

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
    wiring: Wiring | None = None
    """How the program runs; None where that is its own affair."""
    scores: dict[tuple[str, str], float] = field(default_factory=dict)
    """What each outcome would score on a row, by the row's id."""

    def answer(
        self, candidate: Candidate, rows: Sequence[Example], model: Completer | None = None, *, ask_all: bool = False
    ) -> Iterator[RowResult]:
        """Yield how each row goes with a candidate as it is; nothing is fitted or charged.

        Rows that its guard withholds whatever the model says are not asked, unless all are to be.
        """

        def runner(inputs: Mapping[str, Value]) -> Run:
            unasked = None if ask_all else withheld(candidate.prompts, self.wiring, inputs)
            return unasked or self.run(candidate.prompts, inputs, model or self.model)

        return evaluate(runner, rows, self.metric, executor=self.executor)

    def asks(self, candidate: Candidate, row: Example) -> bool:
        """Tell whether a model has to be asked for a candidate's answer to a row; not where its guard withholds any."""
        return withheld(candidate.prompts, self.wiring, row.inputs) is None

    def guarded(self, candidate: Candidate) -> Candidate:
        """Return the candidate with the guard that is known before anything is answered."""
        known = self.fit_guard.known if self.fit_guard else None
        if self.fit_guard is None or known is None:
            return candidate
        prompts = {
            name: prompt.model_copy(update={"guard": known}) if self.fit_guard.guards(name) else prompt
            for name, prompt in candidate.prompts.items()
        }
        return replace(candidate, prompts=prompts)

    def merit(self, candidate: Candidate, row: RowResult) -> float:
        """Return what a row says for a candidate, 1 at best: its score, or how sure a decision was to get it.

        Where shares decided, the expected score is that of each outcome, weighed by its calibrated
        probability; what it lacks of 1 counts squared (Brier 1950, for labels), so that errors made with
        confidence weigh most. That tells more on few rows than which side a decision fell on: of 32 demo
        sets for SST-2 (accuracy 0.844 on average, 0.887 at best), the one chosen on 16 rows by it has 0.868
        on the others, the one chosen by score 0.847.
        """
        shares = row.calls[0].answer.shares if len(row.calls) == 1 else None
        if shares is None or not _hands_on(row):
            return row.score
        (field,) = candidate.prompts[row.calls[0].predictor].signature.outputs
        expected = sum(share * self._score(row.example, field, outcome) for outcome, share in shares.items())
        return 1 - (1 - expected) ** 2

    def _score(self, example: Example, field: Field, outcome: str) -> float:
        key = (example.id, outcome)
        if key not in self.scores:
            prediction = Prediction({field.name: field.value_of(outcome)})
            self.scores[key] = apply_metric(self.metric, example, prediction)
        return self.scores[key]


class Trial:
    """A candidate, what it answered so far, and the corrections fitted on that.

    Rows are added in blocks. After each block, biases and guard are fitted, and what the rows were
    answered is read again with them: each row with what was fitted on rows of other folds, so that a
    candidate does not look better for having been fitted to the rows it is judged by. Of no correction
    and each kind of it, the one that does best stays.
    """

    def __init__(self, candidate: Candidate, conditions: Conditions):
        self.uncorrected = conditions.guarded(candidate)
        """Without any but what is known beforehand: what other candidates are made of."""
        self.candidate = self.uncorrected
        """With the corrections that do best, fitted on all rows so far."""
        self.evaluation = Evaluation(())
        """The rows so far, each with corrections fitted on others."""
        self.merits: tuple[float, ...] = ()
        """What candidates are compared by, row by row; see `Conditions.merit`."""
        self.said: tuple[float, ...] = ()
        """What trials stand by, row by row.

        Merits tell candidates apart on few rows; but candidates that are alike in accuracy may differ in
        how sure they are, so the score has half a say.
        """
        self.cost = 0.0
        """What it has cost, in the budget's unit."""
        self._plain: list[RowResult] = []
        self._content_free: dict[str, list[Mapping[str, float]]] = {}
        self._conditions = conditions
        self._memory = _Memory(conditions.model)
        self._paid: set[str] = set()

    @property
    def mean(self) -> float:
        """The mean score on the rows so far."""
        return self.evaluation.mean

    @property
    def merit(self) -> float:
        """The mean of the merits so far."""
        return fmean(self.merits) if self.merits else 0.0

    def lead(self, other: "Trial") -> float:
        """Return how much better it is than a trial with at least as many rows, less what its rows leave open.

        What is taken off is two standard errors of the difference on the same rows: of many candidates with few
        rows, the best looks that much better than it is. With as many rows, nothing is.
        """
        if self.rows == other.rows:
            return fmean(self.said) - fmean(other.said)
        ahead = [own - its for own, its in zip(self.said, other.said, strict=False)]
        return fmean(ahead) - _CAUTION * float(np.std([*ahead, -0.5, 0.5], ddof=1)) / math.sqrt(len(ahead))

    @property
    def rows(self) -> int:
        """How many rows have been answered."""
        return len(self.evaluation.rows)

    @property
    def cost_of_asking(self) -> float:
        """What a row cost that the model was asked about, in the budget's unit."""
        asked = sum(bool(row.calls) or row.run is None for row in self.evaluation.rows)
        return max(self.cost, _LEAST_COST) / max(1, asked)

    def extend(self, rows: Sequence[Example]) -> None:
        """Answer rows up to the last of `rows`, which starts with those answered before.

        Raises:
            BudgetExhausted, SearchStopped: where the ledger stops it; the trial has the rows answered until then.
        """
        plain = list(self._plain)
        try:
            for row in self._answer(self.uncorrected, rows[self.rows :]):
                plain.append(row)
            if len(plain) >= CONTEXTUAL_FROM and not self._content_free:
                self._content_free = self._ask_content_free()
        except (BudgetExhausted, SearchStopped):
            self._settle_anew(plain)
            raise
        self._settle_anew(plain)

    def read_out(self) -> None:
        """Let a readout, fitted on the rows so far, be among the corrections; no model is asked.

        Not where a program does more than hand on what its predictor said: it would have to run again.
        """
        if all(map(_hands_on, self._plain)):
            self._settle(self._plain, reads_out=True)

    def point(self, fit_pointer: PointerFitter) -> None:
        """Let a pointer, fitted on the rows so far, be among the corrections: some answers then begin elsewhere.

        Raises:
            BudgetExhausted: where the ledger stops it; the trial stays as it was.
        """
        self._settle(self._plain, fit_pointer=fit_pointer)

    def _settle_anew(self, plain: list[RowResult]) -> None:
        if len(plain) > self.rows:
            self._settle(plain)

    def _settle(
        self, plain: list[RowResult], *, reads_out: bool = False, fit_pointer: PointerFitter | None = None
    ) -> None:
        """Keep the correction that does best on rows that it was not fitted on; none where none helps.

        The budget may end on the way, so the trial is changed last.
        """
        fitter = Fitter(self.uncorrected, self._conditions.fit_guard, self._content_free, reads_out, fit_pointer)
        candidate, judged, merits = self.uncorrected, plain, self._merits(plain)
        for kind in fitter.kinds(plain):
            if kind == "uncalibrated" and fitter.fit_guard is None:
                continue
            results = self._cross_fitted(fitter, kind, plain)
            corrected = self._merits(results)
            if fmean(corrected) > fmean(merits):
                candidate, judged, merits = fitter.fit(plain, kind), results, corrected
        self._plain, self.candidate, self.merits, self.evaluation = plain, candidate, merits, summarize(judged)
        self.said = tuple((row.score + merit) / 2 for row, merit in zip(judged, merits, strict=True))

    def _merits(self, results: Sequence[RowResult]) -> tuple[float, ...]:
        return tuple(self._conditions.merit(self.uncorrected, row) for row in results)

    def _cross_fitted(self, fitter: Fitter, kind: Kind, plain: Sequence[RowResult]) -> list[RowResult]:
        """Return the rows in their order, each as it goes with what was fitted on the other folds.

        Where the program only hands on what its one predictor said, on all rows, that is read again, unless
        answers may begin elsewhere. Else the program runs again; its completions are remembered, so only a
        decision that changes what a model is asked further on costs anything.
        """
        again = self._all_reread if kind != "pointed" and all(map(_hands_on, plain)) else self._all_answered
        return [row for others, part in folds(plain) if part for row in again(fitter.fit(others, kind), part)]

    def _all_reread(self, candidate: Candidate, results: Sequence[RowResult]) -> list[RowResult]:
        return [self._reread(candidate, row) for row in results]

    def _all_answered(self, candidate: Candidate, results: Sequence[RowResult]) -> list[RowResult]:
        return list(self._answer(candidate, [row.example for row in results]))

    def _reread(self, candidate: Candidate, row: RowResult) -> RowResult:
        if row.run is None or not row.run.calls:
            return row
        (call,) = row.run.calls
        answer = reread(candidate.prompts[call.predictor], call.inputs, call.answer)
        run = Run(answer.prediction, (replace(call, answer=answer),))
        return score_run(row.example, run, self._conditions.metric)

    def _answer(self, candidate: Candidate, rows: Sequence[Example]) -> Iterator[RowResult]:
        """Yield how rows go; the ledger is asked after each that cost something whether another may follow."""
        for result in self._conditions.answer(candidate, rows, self._memory):
            before = self.cost
            self._charge(result.calls)
            yield result
            if self.cost > before:
                self._conditions.ledger.check()

    def _ask_content_free(self) -> dict[str, list[Mapping[str, float]]]:
        """Return, by predictor, what its outcomes get after inputs that say nothing, where it takes such."""
        told: dict[str, list[Mapping[str, float]]] = {}
        for name, prompt in self.uncorrected.prompts.items():
            by_logprobs = prompt.decoding.decide_by == "logprobs" and decided_field(prompt.signature) is not None
            if not by_logprobs or any(one.kind != "text" for one in prompt.signature.inputs):
                continue
            for text in CONTENT_FREE:
                inputs = {one.name: text for one in prompt.signature.inputs}
                answer = ask(prompt, inputs, self._memory)
                self._charge([Call(name, inputs, answer)])
                self._conditions.ledger.check()
                if answer.logprobs is not None:
                    told.setdefault(name, []).append(answer.logprobs)
        return told

    def _charge(self, calls: Sequence[Call]) -> None:
        for call in calls:
            for prompt, completion in call.answer.completions:
                if prompt.plain not in self._paid:
                    self._paid.add(prompt.plain)
                    self.cost += self._conditions.ledger.charge(prompt, completion)


def _hands_on(row: RowResult) -> bool:
    """Tell whether the program gave just what its one predictor said, or nothing."""
    if row.run is None or not row.run.calls:
        return True
    if len(row.run.calls) != 1:
        return False
    said, given = row.run.calls[0].answer.prediction, row.run.prediction
    if isinstance(said, ParseFailure) or isinstance(given, ParseFailure):
        return isinstance(said, ParseFailure) and isinstance(given, ParseFailure)
    return said.outputs == given.outputs


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
