"""Compile a task: split the rows, search, score the winner once, freeze it."""

import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from cribsheet.compiler.abilities import check_abilities
from cribsheet.compiler.bridge import BARE, DspyProgram, as_module
from cribsheet.compiler.first_answers import check_first_answers
from cribsheet.compiler.freeze import MIN_TEST_ROWS, Found, freeze
from cribsheet.compiler.teachers import keep_traces, open_teacher
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import Splits, interleaved, split
from cribsheet.errors import BudgetError, CompileError
from cribsheet.executor import Threads
from cribsheet.frozen import FrozenProgram, FrozenPrompt
from cribsheet.frozen.running import Run, direct_wiring, prompt_text, run_wired
from cribsheet.models import Completer, Model, Sampling, open_model
from cribsheet.models.cache import CachedModel, CompletionCache, Meter
from cribsheet.outcomes import Value
from cribsheet.progress import Progress, Silent
from cribsheet.search.bootstrap.demonstrations import bootstrap_if_needed
from cribsheet.search.budget import Budget, BudgetExhausted, SearchStopped
from cribsheet.search.corrections.guard import guard_fitter
from cribsheet.search.evaluator import Evaluator, ProgramRunner
from cribsheet.search.interruption import stopped_by_ctrl_c
from cribsheet.search.ledger import Charged, Ledger
from cribsheet.search.study import Study
from cribsheet.settings import DEFAULT_MODEL, Settings
from cribsheet.signature import REASONING, Signature
from cribsheet.task import Task
from cribsheet.workspace import Workspace, find_workspace

__all__ = ["DEFAULT_MODEL", "Compiled", "Settings", "compile_task"]

BASELINE_ROWS = 16
"""Validation rows that the baseline answers first: they tell what a row costs."""
TEST_SHARE = 0.2
"""The part of the budget that is kept for the testset."""


@dataclass(frozen=True)
class Compiled:
    """A frozen program, and what this run of the compiler took."""

    program: FrozenProgram
    name: str
    """The task's plain name."""
    meter: Meter
    """Calls and tokens of this run: what came from the completion cache cost nothing."""
    seconds: float


def compile_task(
    task: str | Task,
    settings: Settings | None = None,
    *,
    workspace: Workspace | None = None,
    model: Model | None = None,
    teacher: Model | None = None,
    progress: Progress | None = None,
) -> Compiled:
    """Return the best program that the budget finds, scored on rows that the search never saw.

    Args:
        task: a task, or what the workspace knows it by.
        settings: the model, the rows, the optimizer, the budget, the seed.
        workspace: where names are looked up and completions kept; the nearest one by default.
        model: an open model, in place of the one that the settings name.
        teacher: an open model to draw demonstrations from, in place of the one that the settings name.
        progress: hears of stages and costs.

    Ctrl-C ends the search, not the compile: once the row under way is answered, the best so far is scored and
    frozen. A second Ctrl-C ends the compile.

    Raises:
        CribsheetError: the one of its kinds that says what is wrong and what mends it.
    """
    started = time.monotonic()
    settings = settings or Settings()
    workspace = workspace or find_workspace(Path.cwd())
    name, bound = workspace.task(task) if isinstance(task, str) else ("task", task)
    optimizer = workspace.optimizer(settings.optimizer)
    meter = Meter()
    opened = model or open_model(settings.model, api_base=settings.api_base)
    cached = CachedModel(opened, CompletionCache(workspace.cache), meter=meter)
    compiler = _Compiler(name, bound, settings, workspace, cached, progress or Silent())
    with open_teacher(settings, cached, compiler.program.signatures, teacher=teacher) as teaching:
        compiler.study.teacher_settings = teaching
        program = compiler.compile(optimizer)
    return Compiled(program, name, meter, time.monotonic() - started)


class _Compiler:
    """The steps of one compile."""

    def __init__(
        self,
        name: str,
        task: Task,
        settings: Settings,
        workspace: Workspace,
        model: CachedModel,
        progress: Progress,
    ):
        self.name, self.task, self.settings, self.model = name, task, settings, model
        self.progress = progress
        self.program = DspyProgram(as_module(task.program))
        check_abilities(model, self.program.signatures, settings)
        self.splits = self._split(workspace)
        self.budget = Budget.parse(settings.budget)
        self.study = self._study()
        self.baseline = self.study.trial(self.study.zero_shot())

    def compile(self, optimizer: ModuleType) -> FrozenProgram:
        """Search, score, freeze."""
        self._check_budget()
        self.progress.stage("asking the zero-shot prompt")
        self.study.tells_logprobs = self._tells_logprobs()
        with suppress(BudgetExhausted):  # what the rows so far tell is told below
            self.study.extend(self.baseline, min(BASELINE_ROWS, len(self.splits.val)))
        check_first_answers(self.study, self.baseline, go_on=self.settings.go_on)
        self._reserve()
        interrupted = self._search(optimizer)
        self.study.read_out()
        best = self.study.best
        if best is None:  # the baseline was answered, so there is one
            raise CompileError(f"The optimizer {self.settings.optimizer!r} scored no candidate. Mend its search().")
        self.progress.stage("scoring on the testset")
        found = Found(self.study, best, self.baseline, self.program, self.splits, interrupted)
        return freeze(found, task=self.name, optimizer=self.settings.optimizer, seed=self.settings.seed)

    def _split(self, workspace: Workspace) -> Splits:
        settings, task = self.settings, self.task
        mapping = settings.mapping if settings.trainset else {**task.mapping, **settings.mapping}
        path = workspace.trainset(settings.trainset or task.trainset)
        # The rationale of a dspy.ChainOfThought is the model's own, or bootstrapped, if rows have none.
        rows = load_rows(path, self.program.signature, mapping=mapping, optional=[REASONING])
        return split(rows, self._labelled(rows), seed=settings.seed)

    def _labelled(self, rows: Sequence[Row]) -> Signature:
        """Return the program's signature with the outputs alone that rows have."""
        signature = self.program.signature
        return signature.without_outputs(signature.output_names - rows[0].outputs.keys())

    def _study(self) -> Study:
        signature = self.program.signature
        rows = (*self.splits.train, *self.splits.val)
        labelled = self._labelled(rows)
        guards = guard_fitter(self.program.signatures, labelled.outputs, rows, self.task.metric)
        evaluator = Evaluator(
            run=self._runner(),
            model=self.model,
            metric=self.task.metric,
            ledger=Ledger(
                self.budget,
                count_tokens=self.model.count_tokens,
                parallel=self.model.parallel,
                prefix_tokens=self.model.prefix_tokens,
            ),
            executor=Threads(self.model.parallel),
            fit_guard=guards if self.task.guard else None,
            wiring=direct_wiring(BARE, signature) if self.program.is_one_predictor else None,
        )
        return Study(
            signatures=self.program.signatures,
            train=self.splits.train,
            # What few rows tell must not hang on which outcomes happen to come first.
            val=interleaved(self.splits.val, labelled),
            evaluator=evaluator,
            progress=self.progress,
            rng=random.Random(self.settings.seed),
            may_extract=self.task.extract,
        )

    def _runner(self) -> ProgramRunner:
        if not self.program.is_one_predictor:
            return self.program.run
        wiring = direct_wiring(BARE, self.program.signature)

        def run(prompts: Mapping[str, FrozenPrompt], inputs: Mapping[str, Value], model: Completer) -> Run:
            return run_wired(prompts, wiring, inputs, model)

        return run

    def _check_budget(self) -> None:
        """Refuse a budget that cannot pay for the baseline, one candidate, and a score for each."""
        rows = min(BASELINE_ROWS, len(self.splits.val)) * 2 + MIN_TEST_ROWS * 2
        row = {"calls": 1.0, "tokens": self._row_tokens(), "minutes": 0.0}[self.budget.unit]
        if self.budget.limit < rows * row:
            raise BudgetError(
                f"A budget of {self.budget} is too small for one candidate: the baseline, a candidate and their "
                f"scores are {rows} answers, about {rows * row:.0f} {self.budget.unit}. Give at least "
                f"--budget {_rounded_up(rows * row * 2, self.budget.unit)}."
            )

    def _row_tokens(self) -> float:
        """Return what a row's inputs take in the baseline, in tokens."""
        (prompt, *others) = self.baseline.candidate.prompts.values()
        names = [one.name for one in prompt.signature.inputs]
        texts = ["\n".join(str(row.inputs.get(name, "")) for name in names) for row in self.splits.val[:8]]
        tokens = sum(self.model.count_tokens(text) for text in texts) / len(texts)
        return (1 + len(others)) * tokens

    def _tells_logprobs(self) -> bool:
        """Ask for the log-probabilities of one token of a prompt that nothing else asks."""
        signature = next(iter(self.study.signatures.values()))
        inputs = {one.name: one.value_of(one.outcomes[0]) if one.is_finite else "0" for one in signature.inputs}
        rendered = prompt_text(next(iter(self.baseline.candidate.prompts.values())), inputs)
        completion = Charged(self.model, self.study.ledger).complete(rendered, Sampling(max_tokens=1, top_logprobs=1))
        return completion.first_token is not None

    def _reserve(self) -> None:
        """Keep back what the testset will cost."""
        row = self.baseline.cost_of_asking
        affordable = int(TEST_SHARE * self.budget.limit / (2 * row))
        rows = min(len(self.splits.test), max(MIN_TEST_ROWS, affordable))
        self.study.ledger.reserved = 2 * rows * row
        if self.study.ledger.left <= BASELINE_ROWS * row:
            raise BudgetError(
                f"A budget of {self.budget} is too small for one candidate: a row costs about {row:.3g} "
                f"{self.budget.unit}. Give at least --budget {_rounded_up(row * 120, self.budget.unit)}. "
                "What was asked so far is in the cache."
            )

    def _search(self, optimizer: ModuleType) -> bool:
        """Run the optimizer, then fit a pointer for its best; return whether it was stopped by hand."""
        try:
            with stopped_by_ctrl_c(self.study.ledger):
                with suppress(BudgetExhausted):
                    bootstrap_if_needed(self.study)
                    keep_traces(self.settings, self.study)
                    optimizer.search(self.study)
                self.study.point()
        except SearchStopped:
            self.progress.stage("stopped by hand: freezing the best so far")
            return True
        return False


def _rounded_up(amount: float, unit: str) -> str:
    if unit == "tokens":
        return f"{int(amount / 1000) + 1}k"
    return f"{int(amount) + 1}{'calls' if unit == 'calls' else 'm'}"
