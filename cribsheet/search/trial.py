"""Answer validation rows with one candidate."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from statistics import fmean

import numpy as np

from cribsheet.budget import BudgetExhausted, SearchStopped
from cribsheet.budget.ledger import Bill
from cribsheet.budget.recording import Charged
from cribsheet.corrections import corrected, to_apply
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import Evaluation, RowResult, score_run, summarize
from cribsheet.frozen.running import Run, asked
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections import FITTERS, Fitter
from cribsheet.search.corrections.fitting import combinations, cross_fitted, fitted
from cribsheet.search.evaluator import Evaluator, passes_through

_CAUTION = 2.0
_LEAST_COST = 1e-6


class Trial:
    """A candidate with the rows that it has answered, and with corrections fitted on these rows.

    Rows are added in blocks. After each block, the corrections are fitted again, by cross-fitting: each row is scored
    with corrections that were fitted on other rows. So a candidate does not look better because its corrections saw
    the rows that judge it. The best combination of corrections is kept.
    """

    def __init__(self, candidate: Candidate, evaluator: Evaluator):
        self.uncorrected = evaluator.guarded(candidate)
        """With only the corrections that are known before any row is answered. Other candidates are made from it."""
        self.candidate = self.uncorrected
        """With the best combination of corrections, fitted on all rows so far."""
        self.evaluation = Evaluation(())
        """The rows so far, each scored with corrections that were fitted on other rows."""
        self.merits: tuple[float, ...] = ()
        """The merit of each row, by which candidates are compared; see `Evaluator.merit`."""
        self.ranks: tuple[float, ...] = ()
        """Per-row value that ranks trials: the mean of score and merit.

        Merits tell candidates apart on few rows; but candidates of the same accuracy may differ in how sure they
        are, so the score counts half.
        """
        self._base_results: list[RowResult] = []
        self._allowed: tuple[Fitter, ...] = ()
        self._evaluator = evaluator
        self._bill = Bill()
        self._charged = Charged(evaluator.model, evaluator.ledger, self._bill)

    @property
    def price(self) -> float:
        """What it would cost if no other trial had made any of its requests, in the budget's unit."""
        return self._bill.price

    @property
    def mean(self) -> float:
        """The mean score on the rows so far."""
        return self.evaluation.mean

    @property
    def merit(self) -> float:
        """The mean of the merits so far."""
        return fmean(self.merits) if self.merits else 0.0

    def lead(self, other: "Trial") -> float:
        """Return by how much it is better than a trial with at least as many rows, after a deduction for few rows.

        The deduction is two standard errors of the difference on the same rows: among many candidates with few rows,
        the best one looks better than it is. There is no deduction if both have the same number of rows.
        """
        own, its = self.ranks, other.ranks
        if len(own) == len(its):
            return fmean(own) - fmean(its)
        ahead = [one - one_of_its for one, one_of_its in zip(own, its, strict=False)]
        return fmean(ahead) - _CAUTION * float(np.std([*ahead, -0.5, 0.5], ddof=1)) / math.sqrt(len(ahead))

    @property
    def rows(self) -> int:
        """How many rows have been answered."""
        return len(self.evaluation.rows)

    @property
    def cost_of_asking(self) -> float:
        """The mean price of a row for which the model was asked, in the budget's unit."""
        asked = sum(bool(row.calls) or row.run is None for row in self.evaluation.rows)
        return max(self.price, _LEAST_COST) / max(1, asked)

    def extend(self, rows: Sequence[Row]) -> None:
        """Answer those of `rows` that are not answered yet; `rows` begins with the answered ones.

        Raises:
            BudgetExhausted, SearchStopped: the ledger allows no more. The rows answered until then are kept.
            CompileError: the user's code raises on row after row.
        """
        results = list(self._base_results)
        try:
            for row in self._answer(self.uncorrected, rows[self.rows :]):
                results.append(row)
                self._evaluator.check_works(row)
        except (BudgetExhausted, SearchStopped):
            self._settle_anew(results)
            raise
        self._settle_anew(results)

    def allow(self, fitter: Fitter) -> None:
        """Add a fitter, for the rows so far and for later ones.

        Raises:
            BudgetExhausted, SearchStopped: the ledger allows no more. The trial is then unchanged.
        """
        before, self._allowed = self._allowed, (*self._allowed, fitter)
        try:
            self._settle(self._base_results)
        except (BudgetExhausted, SearchStopped):
            self._allowed = before
            raise

    def _settle_anew(self, results: list[RowResult]) -> None:
        if len(results) > self.rows:
            self._settle(results)

    def _settle(self, results: list[RowResult]) -> None:
        """Keep the combination of corrections that does best on rows that it was not fitted on; none if none helps.

        The budget may end during this, so the trial is changed at the end.
        """
        base = self.uncorrected
        chosen: tuple[Fitter, ...] = ()
        judged, merits = results, self._merits(results)
        replay = partial(self._replay, may_reread=all(map(passes_through, results)))
        for fitters in combinations(self._fitters(), results):
            judging = cross_fitted(base, results, fitters, replay=replay)
            then = self._merits(judging)
            if fmean(then) > fmean(merits):
                chosen, judged, merits = fitters, judging, then
        candidate = fitted(base, results, chosen, replay=replay)
        self._base_results, self.candidate, self.merits, self.evaluation = results, candidate, merits, summarize(judged)
        self.ranks = tuple((row.score + merit) / 2 for row, merit in zip(judged, merits, strict=True))

    def _fitters(self) -> tuple[Fitter, ...]:
        guard = self._evaluator.fit_guard
        return (*FITTERS.values(), *([guard] if guard else []), *self._allowed)

    def _merits(self, results: Sequence[RowResult]) -> tuple[float, ...]:
        return tuple(self._evaluator.merit(self.uncorrected, row) for row in results)

    def _replay(self, candidate: Candidate, results: Sequence[RowResult], *, may_reread: bool) -> list[RowResult]:
        """Return the results of the same rows with other corrections.

        If the program returned its one predictor's answer unchanged on all rows of the trial, the known answers are
        corrected again. If not, or if a correction asks the model, the program runs again. Completions are remembered,
        so only new requests cost anything.
        """
        if may_reread and not any(self._asks_again(candidate, row) for row in results):
            return [self._reread(candidate, row) for row in results]
        return list(self._answer(candidate, [row.example for row in results]))

    def _asks_again(self, candidate: Candidate, row: RowResult) -> bool:
        """Tell whether a correction that is not yet applied to a row's answer asks the model."""
        return any(
            "calls" in correction.needs
            for call in row.calls
            for correction in to_apply(candidate.prompts[call.predictor].corrections, call.answer)
        )

    def _reread(self, candidate: Candidate, row: RowResult) -> RowResult:
        if row.run is None or not row.run.calls:
            return row
        (call,) = row.run.calls
        prompt = candidate.prompts[call.predictor]
        answer = corrected(prompt.corrections, call.answer, asked(prompt, call.inputs), self._charged)
        return score_run(row.example, Run(answer.outputs, (replace(call, answer=answer),)), self._evaluator.metric)

    def _answer(self, candidate: Candidate, rows: Sequence[Row]) -> Iterator[RowResult]:
        """Yield the results of rows; see `Evaluator.answer`."""
        return self._evaluator.answer(candidate, rows, bill=self._bill)
