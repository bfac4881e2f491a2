"""Compile a task: split the rows, search, score the winner once, freeze it."""

import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import ModuleType

from cribsheet.budget import Budget, BudgetExhausted, SearchStopped
from cribsheet.budget.ledger import Ledger
from cribsheet.budget.recording import Charged
from cribsheet.compiler.abilities import check_abilities
from cribsheet.compiler.affordable import BASELINE_ROWS, check_budget, reserve
from cribsheet.compiler.bridge import BARE, DspyProgram, as_module
from cribsheet.compiler.compiled import Compiled
from cribsheet.compiler.first_answers import check_crashes, check_first_answers
from cribsheet.compiler.freeze import Found, Scored, freeze, score, score_on_validation_rows
from cribsheet.compiler.interruption import Interruption
from cribsheet.compiler.logit_bias import takes_logit_bias
from cribsheet.compiler.long_rows import calibrate, leave_out_long_rows, note_on
from cribsheet.compiler.outage import saying_what_is_kept
from cribsheet.compiler.own_types import metric_of
from cribsheet.compiler.searching import run_search
from cribsheet.compiler.stopping import waited_for
from cribsheet.compiler.teachers import keep_traces, open_teacher
from cribsheet.dataset.contradictions import contradictions_in_words
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.sampling import Taken
from cribsheet.dataset.splits import Splits, interleaved, split
from cribsheet.dataset.unseen_outcomes import unseen_in_words
from cribsheet.errors import AbandonedError, CompileError
from cribsheet.executor import Threads
from cribsheet.frozen import FrozenProgram, FrozenPrompt
from cribsheet.frozen.running import Run, direct_wiring, run_wired
from cribsheet.frozen.tested import TestedRow
from cribsheet.frozen.wired import between
from cribsheet.models import Completer, Model, Sampling, open_model
from cribsheet.models.cache import CachedModel, CompletionCache, Meter
from cribsheet.outcomes import Value
from cribsheet.progress import Progress, Silent
from cribsheet.search.bootstrap.demonstrations import bootstrap_if_needed
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.guard import guard_fitter
from cribsheet.search.evaluator import Evaluator, ProgramRunner
from cribsheet.search.study import Study
from cribsheet.search.trial import Trial
from cribsheet.settings import DEFAULT_MODEL, Settings
from cribsheet.signature import REASONING, Signature
from cribsheet.task import Task
from cribsheet.workspace import Workspace, current_workspace

__all__ = ["DEFAULT_MODEL", "Compiled", "Settings", "compile_task"]


def compile_task(
    task: str | Task,
    settings: Settings | None = None,
    *,
    workspace: Workspace | None = None,
    model: Model | None = None,
    teacher: Model | None = None,
    progress: Progress | None = None,
) -> Compiled:
    """Search for the best program within the budget, score it on rows that the search never saw, and freeze it.

    Args:
        task: a task, or its name in the workspace.
        settings: the model, the rows, the optimizer, the budget, the seed and so on.
        workspace: the folder in which names are looked up and completions are cached; by default the nearest one.
        model: an open model, to be used instead of the one that the settings name.
        teacher: an open teacher, to be used instead of the one that the settings name.
        progress: receives the stages and the costs.

    Ctrl-C ends the search but not the compile: after the current row is answered, the best program so far is scored
    and frozen. A second Ctrl-C freezes the best program so far at once, with its scores on validation rows.

    Raises:
        CribsheetError: if the compile fails; the message says why and what to do.
    """
    started = time.monotonic()
    settings = settings or Settings()
    workspace = workspace or current_workspace()
    name, bound = workspace.task(task) if isinstance(task, str) else ("task", task)
    optimizer = workspace.optimizer(settings.optimizer)
    meter = Meter()
    progress = progress or Silent()
    opened = model or open_model(
        settings.model,
        api_base=settings.api_base,
        context_window=settings.context_window,
        timeout=settings.timeout,
        notice=progress.notice,
    )
    cached = CachedModel(opened, CompletionCache(workspace.cache), meter=meter)
    compiler = _Compiler(name, bound, settings, workspace, cached, progress)
    signatures, notice = compiler.program.signatures, progress.notice
    with open_teacher(settings, cached, signatures, notice=notice, teacher=teacher) as teaching:
        compiler.study.teacher_settings = teaching
        with saying_what_is_kept():
            program, tested = compiler.compile(optimizer)
    return Compiled(program, name, meter, time.monotonic() - started, tested)


class _Compiler:
    """The steps of one compile."""

    baseline: Trial
    """The trial of the zero-shot prompt; set when the search begins."""

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
        self.metric = metric_of(task, self.program.own_types)
        check_abilities(model, self.program.signatures, settings)
        self.numbers: dict[str, int] = {}
        """Each row's position in the trainset, counted from 1, by row id."""
        self.splits = self._split(workspace)
        self.budget = Budget.parse(settings.budget)
        self._learn_what_the_model_can_do()
        self.study = self._study()
        rows, signature = self.splits.rows, self.program.signature
        told = (contradictions_in_words(rows, signature, self.numbers), unseen_in_words(rows, signature))
        self.study.notes += filter(None, told)
        for note in self.study.notes:  # before the search, which may take long
            progress.notice(note)
        if known := self.model.capabilities:
            self.study.ledger.add(calls=known.calls, tokens=known.tokens)

    def compile(self, optimizer: ModuleType) -> tuple[FrozenProgram, tuple[TestedRow, ...]]:
        """Search, then score and freeze the winner."""
        check_budget(self.study, test_rows=len(self.splits.test))
        ctrl_c = Interruption(self.study.ledger, say=self._say_what_is_waited_for, abandon=self._abandon)
        with ctrl_c.heeded():
            self._search(optimizer)
            if ctrl_c.presses:
                self.progress.stage(
                    f"stopped by hand: {'freezing the best so far' if self.study.best else 'nothing to freeze'}"
                )
            ctrl_c.end_search()
            return self._freeze(ctrl_c)

    def _search(self, optimizer: ModuleType) -> None:
        """Run the baseline, then the optimizer, then fit a pointer for the best trial; Ctrl-C ends this early."""
        with suppress(SearchStopped, AbandonedError):
            self.progress.stage("asking the zero-shot prompt")
            self._leave_out_long_rows()
            self.study.tells_logprobs = self._tells_logprobs()
            self.baseline = self.study.trial(self.study.zero_shot())
            with suppress(BudgetExhausted):  # the checks below use the rows that were answered
                self.study.extend(self.baseline, min(BASELINE_ROWS, len(self.study.val)))
            check_first_answers(self.study, self.baseline, go_on=self.settings.go_on)
            check_crashes(self.baseline)
            reserve(self.study, self.baseline, test_rows=len(self.splits.test))
            with suppress(BudgetExhausted):
                bootstrap_if_needed(self.study)
                keep_traces(self.settings, self.study)
                run_search(optimizer, self.study, name=self.settings.optimizer)
            self.study.point()

    def _freeze(self, ctrl_c: Interruption) -> tuple[FrozenProgram, tuple[TestedRow, ...]]:
        if not ctrl_c.is_abandoned:
            self.study.read_out()
        best = self.study.best
        if best is None:
            if ctrl_c.presses:  # there is nothing to freeze
                raise KeyboardInterrupt
            raise CompileError(
                f"The optimizer {self.settings.optimizer!r} scored no candidate. Correct its search() function."
            )
        found = Found(
            self.study,
            best,
            self.baseline,
            self.program,
            self.splits,
            interrupted=bool(ctrl_c.presses),
            numbers=self.numbers,
        )
        scored = self._scored(found, ctrl_c)
        program = freeze(found, scored, task=self.name, settings=self.settings)
        return program, scored.tested

    def _scored(self, found: Found, ctrl_c: Interruption) -> Scored:
        if not ctrl_c.is_abandoned:
            self.progress.stage("scoring on the testset")
            with suppress(SearchStopped, AbandonedError):
                return score(found)
        return score_on_validation_rows(found)

    def _say_what_is_waited_for(self) -> None:
        # In another thread: Ctrl-C may interrupt code that holds the console's lock, and printing here would deadlock.
        text = waited_for(self.model)
        threading.Thread(target=self.progress.notice, args=(text,), daemon=True).start()

    def _abandon(self) -> None:
        self.model.abandon()
        teaching = self.study.teacher_settings
        if teaching and isinstance(teaching.teacher, CachedModel):
            teaching.teacher.abandon()

    def _learn_what_the_model_can_do(self) -> None:
        if self.model.endpoint:
            self.progress.stage(f"asking {self.model.endpoint} what it can do")
        self.model.start(probes=True)
        asked, known = self.settings.context_window, self.model.capabilities
        told = known.told.context_window if known else None
        if asked and told and asked > told:
            raise CompileError(
                f"--context-window {asked} is more than the {told} tokens that {self.model.name} reports. Give at most "
                f"--context-window {told}, or start the server with a larger window."
            )

    def _leave_out_long_rows(self) -> None:
        asked = self.study.zero_shot()
        if not self.model.counts_exactly:
            calibrate(self.study, asked)
        long = leave_out_long_rows(self.study, asked, self.numbers, most=self.settings.long_rows)
        if long:
            self.study.notes.append(note_on(long, self.study))

    def _split(self, workspace: Workspace) -> Splits:
        settings, task = self.settings, self.task
        is_own = settings.trainset is None
        mapping = {**task.mapping, **settings.mapping} if is_own else settings.mapping
        trainset = task.trainset if settings.trainset is None else settings.trainset
        further = between(self.program.signatures.values(), self.program.signature)
        rows = load_rows(
            workspace.trainset(trainset) if isinstance(trainset, str | os.PathLike) else trainset,
            self.program.signature.with_outputs(further),
            mapping=mapping,
            # Rows need no rationale for a dspy.ChainOfThought: the model writes it, or it is bootstrapped. So is what
            # predictors pass on.
            optional=[REASONING, *(field.name for field in further)],
            allow_empty=settings.allow_empty,
            labels={**task.labels, **settings.labels} if is_own else settings.labels,
            taken=Taken(settings.limit, settings.sample, settings.seed),
        )
        self.program.own_types.check(rows)
        self.numbers = {row.id: number for number, row in reversed([*enumerate(rows, 1)])}
        return split(rows, self._labelled(rows), seed=settings.seed)

    def _labelled(self, rows: Sequence[Row]) -> Signature:
        """Return the program's signature without the outputs that the rows do not have."""
        return self.program.signature.labelled_by(rows[0].outputs)

    def _study(self) -> Study:
        signature = self.program.signature
        rows = (*self.splits.train, *self.splits.val)
        labelled = self._labelled(rows)
        guards = guard_fitter(self.program.signatures, labelled.outputs, rows, self.metric)
        evaluator = Evaluator(
            run=self._runner(),
            model=self.model,
            metric=self.metric,
            ledger=Ledger(
                self.budget,
                count_tokens=self.model.count_tokens,
                parallel=self.model.parallel,
                prefix_tokens=self.model.prefix_tokens,
            ),
            executor=Threads(self.model.parallel),
            weighs_text=self.settings.carriage == "text",  # no correction can change what is written there
            fit_guard=guards if self.task.guard and self.settings.carriage in ("logprobs", "runtime") else None,
            wiring=direct_wiring(BARE, signature) if self.program.is_one_predictor else None,
        )
        return Study(
            signatures=self.program.signatures,
            train=self.splits.train,
            # The first few rows decide a lot, so they should have the outcome shares of the whole valset.
            val=interleaved(self.splits.val, labelled),
            evaluator=evaluator,
            progress=self.progress,
            rng=random.Random(self.settings.seed),
            may_extract=self.task.extract and self.settings.carriage == "runtime",
            carriage=self.settings.carriage,
            is_carried=self._is_carried,
        )

    def _is_carried(self, candidate: Candidate) -> bool:
        if self.settings.carriage != "logit_bias":
            return True
        decided = (prompt for prompt in candidate.prompts.values() if prompt.decoding.decide_by == "token")
        return all(takes_logit_bias(prompt, self.model) for prompt in decided)

    def _runner(self) -> ProgramRunner:
        if not self.program.is_one_predictor:
            return self.program.run
        wiring = direct_wiring(BARE, self.program.signature)

        def run(prompts: Mapping[str, FrozenPrompt], inputs: Mapping[str, Value], model: Completer) -> Run:
            return run_wired(prompts, wiring, inputs, model)

        return run

    def _tells_logprobs(self) -> bool:
        """Tell whether the model reports log-probabilities, by asking for one token of an otherwise unused prompt."""
        signature = next(iter(self.study.signatures.values()))
        blank = {one.name: one.type.blank for one in signature.inputs}
        rendered = next(iter(self.study.zero_shot().prompts.values())).render(blank)
        completion = Charged(self.model, self.study.ledger).complete(rendered, Sampling(max_tokens=1, top_logprobs=1))
        return completion.first_token is not None
