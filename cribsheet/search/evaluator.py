"""Answer rows with candidates, and charge the budget for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

from cribsheet.budget import BudgetExhausted
from cribsheet.budget.ledger import Bill, Ledger
from cribsheet.budget.recording import Recorder, answer_items
from cribsheet.dataset.examples import Row
from cribsheet.errors import CompileError
from cribsheet.evaluation.evaluate import RowResult, score_row
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.executor import Executor
from cribsheet.frozen import FrozenPrompt, Wiring
from cribsheet.frozen.deciding import told_shares
from cribsheet.frozen.running import Run, settled
from cribsheet.layout.parsing import ParseFailure
from cribsheet.layout.scoring import SHARE
from cribsheet.models import Completer, Model
from cribsheet.outcomes import Value
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.guard import GuardFitter
from cribsheet.signature import Field
from cribsheet.task import Metric

MOST_CRASHED = 96
"""On how many rows in a row the user's code may raise before the compile ends. It is several candidates' first rows."""

ProgramRunner = Callable[[Mapping[str, FrozenPrompt], Mapping[str, Value], Completer], Run]
"""Runs the program with some prompts on one row's inputs."""


@dataclass(frozen=True)
class Evaluator:
    """Answers rows with candidates."""

    run: ProgramRunner
    model: Model
    metric: Metric
    ledger: Ledger
    executor: Executor
    fit_guard: GuardFitter | None = None
    """Fits guards, if the task has an answer to guard."""
    wiring: Wiring | None = None
    """How values pass from predictor to predictor; None if the program's own code does more than pass them on."""
    weighs_text: bool = False
    """Whether a written outcome is weighed by the probability that the model gives to it."""
    scores: dict[tuple[str, str], float] = field(default_factory=dict)
    """The score of each outcome on each row, by the row's id and the outcome."""
    crashed: list[RowResult] = field(default_factory=list)
    """The last rows on which the user's code raised, with none in between on which it did not."""

    def answer(
        self, candidate: Candidate, rows: Sequence[Row], *, bill: Bill | None = None, ignore_budget: bool = False
    ) -> Iterator[RowResult]:
        """Yield the result of each row with a candidate as it is; nothing is fitted.

        The requests are charged row by row, and added to the bill. If a candidate's guard withholds a row's answer
        whatever the model says, the model is not asked, unless the budget is ignored.

        Raises:
            BudgetExhausted: after the row that used up the budget, or in place of a row that cannot be paid for.
            SearchStopped: in place of the first row that ends after the search was stopped by Ctrl-C.
        """

        def score(example: Row, model: Recorder) -> RowResult:
            run = partial(self._run, candidate, model, ask_all=ignore_budget)
            return score_row(run, example, self.metric)

        answered = answer_items(
            self.ledger, score, rows, model=self.model, executor=self.executor, bill=bill, ignore_budget=ignore_budget
        )
        with closing(answered) as results:
            for result, asked in results:
                self.ledger.check_stopped()
                if asked.is_cut:
                    raise BudgetExhausted
                yield result
                if asked.cost and not ignore_budget:
                    self.ledger.check()

    def check_works(self, row: RowResult) -> None:
        """Note a row of the search; CompileError if the user's code raised on this row and on many before it.

        Such rows may cost nothing, and then the budget does not end the search.
        """
        self.crashed.append(row)
        if not row.place:
            self.crashed.clear()
        elif len(self.crashed) == MOST_CRASHED:
            raise CompileError(
                f"The program raised on each of the last {MOST_CRASHED} rows, on the last one {row.crash}. When that "
                "is corrected, run the command again; the completions so far are in the cache."
            )

    def _run(self, candidate: Candidate, model: Completer, inputs: Mapping[str, Value], *, ask_all: bool) -> Run:
        unasked = None if ask_all else settled(candidate.prompts, self.wiring, inputs)
        return unasked or self.run(candidate.prompts, inputs, model)

    def asks(self, candidate: Candidate, row: Row) -> bool:
        """Tell whether the model has to be asked for a candidate's answer to a row."""
        return settled(candidate.prompts, self.wiring, row.inputs) is None

    def guarded(self, candidate: Candidate) -> Candidate:
        """Return the candidate with the guard that is known before anything is answered."""
        known = self.fit_guard.known if self.fit_guard else None
        if self.fit_guard is None or known is None:
            return candidate
        prompts = {
            name: prompt.with_corrections(*prompt.corrections, known) if self.fit_guard.guards(name) else prompt
            for name, prompt in candidate.prompts.items()
        }
        return replace(candidate, prompts=prompts)

    def merit(self, candidate: Candidate, row: RowResult) -> float:
        """Return the value of a row by which candidates are compared, at most 1.

        If the answer was written, it is the metric's score. With `weighs_text`, this counts half, and how near a right
        outcome was to being written counts half: its probability as a share of the likeliest text's. Of 13 prompts for
        SST-2, the one chosen on 16 rows by merit is then 0.037 below the best one on the other rows, the one chosen by
        score 0.057.

        If probabilities decided, the outcomes' scores are weighted by the calibrated probabilities. What this mean
        lacks to 1 is squared (for labels, that is the score of Brier 1950), so a confident error costs most. On few
        rows, this tells more than the decisions: of 32 demo sets for SST-2 (accuracy 0.844 on average, 0.887 at best),
        the set chosen on 16 rows by merit has 0.868 on the other rows, the set chosen by score has 0.847.

        The probability that went to no outcome counts in the same way, as that of one more outcome that is always
        wrong. If it is large, the decision rests on a small part of the probability.
        """
        if len(row.calls) != 1 or not passes_through(row):
            return row.score
        prompt, answer = candidate.prompts[row.calls[0].predictor], row.calls[0].answer
        shares, unassigned = told_shares(prompt, answer, weighs_text=self.weighs_text)
        if not shares:
            return row.score
        (field,) = prompt.signature.outputs
        if answer.shares is None:
            best = max(share * self._score(row.example, field, outcome) for outcome, share in shares.items())
            return (row.score + min(1.0, best / max(*shares.values(), unassigned / max(1e-9, 1 - unassigned)))) / 2
        expected = sum(share * self._score(row.example, field, outcome) for outcome, share in shares.items())
        lost = max(0.0, unassigned - (1 - SHARE))
        return (1 - (1 - expected) ** 2) * (1 - lost**2)

    def _score(self, example: Row, field: Field, outcome: str) -> float:
        key = (example.id, outcome)
        if key not in self.scores:
            self.scores[key] = apply_metric(self.metric, example, {field.name: field.value_of(outcome)})
        return self.scores[key]


def passes_through(row: RowResult) -> bool:
    """Tell whether the program returned its one predictor's answer unchanged, or asked no predictor."""
    if row.run is None or not row.run.calls:
        return True
    if len(row.run.calls) != 1:
        return False
    said, given = row.run.calls[0].answer.outputs, row.run.outputs
    if isinstance(said, ParseFailure) or isinstance(given, ParseFailure):
        return isinstance(said, ParseFailure) and isinstance(given, ParseFailure)
    return said == given
