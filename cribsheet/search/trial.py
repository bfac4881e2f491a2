"""One candidate's way through the validation rows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev

from cribsheet.calibration import CONTENT_FREE, decided_field
from cribsheet.evaluate import Evaluation, RowResult, score_run, summarize
from cribsheet.examples import Example
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.prompts import Prompt
from cribsheet.running import Call, Run, ask, reread
from cribsheet.search.candidate import Candidate
from cribsheet.search.conditions import Conditions, hands_on
from cribsheet.search.fitting import Fitter, Kind, folds

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
        """What candidates are compared by, row by row; see `Conditions.merit` and `Conditions.promise`."""
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
        self._paid: set[Prompt] = set()

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
        return _gain(self.said, other.said, caution=0.0 if self.rows == other.rows else _CAUTION)

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
            BudgetExhausted: where the ledger stops it; the trial stays as it was.
        """
        fresh = rows[self.rows :]
        if not fresh:
            return
        plain = [*self._plain, *self._answer(self.uncorrected, fresh)]
        if len(plain) >= CONTEXTUAL_FROM and not self._content_free:
            self._content_free = self._ask_content_free()
        self._settle(plain)

    def read_out(self) -> None:
        """Let a readout, fitted on the rows so far, be among the corrections; no model is asked.

        Not where a program does more than hand on what its predictor said: it would have to run again.
        """
        if all(map(hands_on, self._plain)):
            self._settle(self._plain, reads_out=True)

    def _settle(self, plain: list[RowResult], *, reads_out: bool = False) -> None:
        """Keep the correction that does best on rows that it was not fitted on; none where none helps.

        That answers need not be spans after all has to show clearly, since nearly all rows say that they are.
        The budget may end on the way, so the trial is changed last.
        """
        fitter = Fitter(self.uncorrected, self._conditions.fit_guard, self._content_free, reads_out)
        candidate, judged, merits = self.uncorrected, plain, self._merits(plain)
        for kind in fitter.kinds(plain):
            if kind == "uncalibrated" and fitter.fit_guard is None:
                continue
            results = self._cross_fitted(fitter, kind, plain)
            corrected = self._merits(results)
            if _gain(corrected, merits, caution=_CAUTION if kind == "free" else 0.0) > 0:
                candidate, judged, merits = fitter.fit(plain, kind), results, corrected
        self._plain, self.candidate, self.evaluation = plain, candidate, summarize(judged)
        self.merits = tuple(map(self._conditions.promise, judged, merits))
        self.said = tuple((row.score + merit) / 2 for row, merit in zip(judged, self.merits, strict=True))

    def _merits(self, results: Sequence[RowResult]) -> tuple[float, ...]:
        return tuple(self._conditions.merit(self.uncorrected, row) for row in results)

    def _cross_fitted(self, fitter: Fitter, kind: Kind, plain: Sequence[RowResult]) -> list[RowResult]:
        """Return the rows in their order, each as it goes with what was fitted on the other folds.

        Where the program only hands on what its one predictor said, on all rows, that is read again. Else the
        program runs again; its completions are remembered, so only a decision that changes what a later
        predictor is asked costs anything.
        """
        again = self._all_reread if all(map(hands_on, plain)) else self._all_answered
        return [row for others, part in folds(plain) if part for row in again(fitter.fit(others, kind), part)]

    def _all_reread(self, candidate: Candidate, results: Sequence[RowResult]) -> list[RowResult]:
        return [self._reread(candidate, row) for row in results]

    def _all_answered(self, candidate: Candidate, results: Sequence[RowResult]) -> list[RowResult]:
        return self._answer(candidate, [row.example for row in results])

    def _reread(self, candidate: Candidate, row: RowResult) -> RowResult:
        if row.run is None or not row.run.calls:
            return row
        (call,) = row.run.calls
        answer = reread(candidate.prompts[call.predictor], call.inputs, call.answer)
        run = Run(answer.prediction, (replace(call, answer=answer),))
        return replace(score_run(row.example, run, self._conditions.metric), likelihood=row.likelihood)

    def _answer(self, candidate: Candidate, rows: Sequence[Example]) -> list[RowResult]:
        results, conditions = [], self._conditions
        answered = conditions.answer(candidate, rows, self._memory)
        for result in conditions.weighed(candidate, answered, self._memory):
            self._charge(result.calls)
            results.append(result)
        return results

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
                if answer.logprobs is not None:
                    told.setdefault(name, []).append(answer.logprobs)
        return told

    def _charge(self, calls: Sequence[Call]) -> None:
        for call in calls:
            for prompt, completion in call.answer.completions:
                if prompt not in self._paid:
                    self._paid.add(prompt)
                    self.cost += self._conditions.ledger.charge(prompt, completion)
        self._conditions.ledger.check()


def _gain(ones: Sequence[float], others: Sequence[float], *, caution: float) -> float:
    """Return how much higher the first are on the rows that both have, less so many standard errors of that."""
    ahead = [one - other for one, other in zip(ones, others, strict=False)]
    doubt = caution * stdev([*ahead, -0.5, 0.5]) / math.sqrt(len(ahead)) if caution else 0.0
    return fmean(ahead) - doubt


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
