"""One candidate's way through the validation rows."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from cribsheet.corrections.calibration import CONTENT_FREE
from cribsheet.dataset.examples import Example
from cribsheet.evaluation.evaluate import Evaluation, RowResult, score_run, summarize
from cribsheet.frozen.running import Call, Run, ask, reread
from cribsheet.layout.decisions import decided_field
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.prompts import Prompt
from cribsheet.search.budget import BudgetExhausted, SearchStopped
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.fitting import Fitter, Kind, folds
from cribsheet.search.corrections.pointer import PointerFitter
from cribsheet.search.evaluator import Conditions, hands_on

CONTEXTUAL_FROM = 32
"""The rows from which on inputs without content are asked too: before, they would cost too large a part."""

_CAUTION = 2.0
_LEAST_COST = 1e-6


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
        if all(map(hands_on, self._plain)):
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
        again = self._all_reread if kind != "pointed" and all(map(hands_on, plain)) else self._all_answered
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
