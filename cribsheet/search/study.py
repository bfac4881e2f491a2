"""Give an optimizer all that it works with."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Literal

from cribsheet.budget import BudgetExhausted
from cribsheet.budget.ledger import Ledger
from cribsheet.budget.recording import Charged
from cribsheet.carriage import Carriage
from cribsheet.corrections import Extraction
from cribsheet.corrections.extraction import ALTERNATIVES
from cribsheet.dataset.examples import Demo, Row
from cribsheet.errors import CompileError
from cribsheet.evaluation.evaluate import Evaluation, summarize
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import LAYOUTS, QUESTIONS
from cribsheet.layout.decisions import decided_field
from cribsheet.layout.questions import suits
from cribsheet.models import Completer, Model
from cribsheet.progress import Progress
from cribsheet.search.bootstrap.teaching import TeacherRuns, TeacherSettings
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.extraction import source_of
from cribsheet.search.corrections.pointer import PointerFitter
from cribsheet.search.corrections.readout import ReadoutFitter
from cribsheet.search.demos import demos_of
from cribsheet.search.evaluator import Evaluator, passes_through
from cribsheet.search.lengths import Lengths
from cribsheet.search.trial import Trial
from cribsheet.search.zero_shot import zero_shot_prompt
from cribsheet.signature import Signature
from cribsheet.text import has_chinese

DECIDED_BY: Mapping[Carriage, Literal["text", "token"]] = {"text": "text", "logit_bias": "token"}
"""What decides a label if it is not all of its log-probabilities."""


@dataclass
class Study:
    """The rows, the model, the budget and the trials of one compile."""

    signatures: Mapping[str, Signature]
    """By predictor."""
    train: Sequence[Row]
    """The demo pool."""
    val: Sequence[Row]
    """The rows that candidates are compared on, in the order in which they are asked."""
    evaluator: Evaluator
    """Answers rows with candidates; it has the model, the metric and the ledger."""
    progress: Progress
    rng: random.Random
    """Makes every random choice of the search."""
    tells_logprobs: bool = True
    """Whether the model tells log-probabilities."""
    may_extract: bool = True
    """Whether written answers may be replaced by spans of an input."""
    carriage: Carriage = "runtime"
    """What the deployment can carry."""
    is_carried: Callable[[Candidate], bool] = lambda candidate: True
    """Tells whether the deployment can carry a candidate."""
    pools: dict[str, tuple[Demo, ...]] = field(default_factory=dict)
    """The demos that each predictor may show."""
    teacher_settings: TeacherSettings | None = None
    """How demos are bootstrapped. None if the user did not ask for it; the student then fills in what rows lack."""
    teacher_runs: TeacherRuns | None = None
    """The traces of the teacher's runs; None before the runs."""
    trials: list[Trial] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)
    """Pairs of the tokens spent and the best validation score at that time."""
    notes: list[str] = field(default_factory=list)
    """Sentences for the notes of the frozen file."""
    _entered: set[str] = field(default_factory=set)
    _leader: tuple[float, int] | None = None
    """The score of the best trial so far, and how many rows it is of."""
    _sources: dict[Signature, str | None] = field(default_factory=dict)
    """By signature, the input that its answers are extracted from."""
    lengths: Lengths = field(init=False)
    """How many tokens prompts and answers take."""

    def __post_init__(self) -> None:
        self.lengths = Lengths(self.model, self.train, self.val)
        for name, signature in self.signatures.items():
            self.pools.setdefault(name, demos_of(signature, self.train))

    @property
    def model(self) -> Model:
        """The model that is compiled for."""
        return self.evaluator.model

    @property
    def ledger(self) -> Ledger:
        """What the compile has cost and may still cost."""
        return self.evaluator.ledger

    @property
    def only_decides(self) -> bool:
        """Whether the model only answers typed questions and writes no text."""
        return bool(getattr(self.model, "only_decides", False))

    @property
    def may_guard(self) -> bool:
        """Whether candidates may get a guard."""
        return self.evaluator.fit_guard is not None

    @property
    def may_read_out(self) -> bool:
        """Whether candidates may get a readout: there must be one predictor, and its outcome must be decided."""
        one, *others = self.signatures.values()
        is_carried = self.carriage in ("logprobs", "runtime")
        return is_carried and self.tells_logprobs and not others and decided_field(one) is not None

    @property
    def pointed_source(self) -> str | None:
        """The input in which a pointer may find where answers begin; None if answers are not extracted."""
        one, *others = self.signatures.values()
        return None if others else self._source(one)

    def may_abstain(self, name: str) -> bool:
        """Tell whether a predictor's demos should show abstentions. Not needed if a guard finds nearly all of them."""
        guard = self.evaluator.fit_guard
        return guard is None or not guard.guards(name) or not guard.settles

    @property
    def teacher(self) -> Completer | None:
        """The teacher, whose proposals are charged to the budget; None if there is no teacher."""
        teacher = self.teacher_settings.teacher if self.teacher_settings else None
        return None if teacher is None else Charged(teacher, self.ledger)

    @property
    def layouts(self) -> list[Layout]:
        """The layouts in which this model can be asked.

        Chinese layouts are tried only if the rows contain Chinese. English ones are always tried, because models know
        them best. If answers are to be extracted, only raw layouts are tried, unless the model takes only chats.
        """
        if self.only_decides:
            return [layout for layout in QUESTIONS if all(suits(layout, one) for one in self.signatures.values())]
        raw = getattr(self.model, "supports_raw", True)
        chat = getattr(self.model, "supports_chat", True) and not (raw and self.pointed_source is not None)
        return [
            layout
            for layout in LAYOUTS
            if (raw if layout.style == "raw" else chat) and (self._is_chinese or layout.language != "zh")
        ]

    @property
    def best(self) -> Trial | None:
        """The best trial: one of those with the most rows, unless a trial with fewer rows is clearly better.

        Of trials that are equally good, it is one with few answers that cannot be read.
        """
        scored = [trial for trial in self.trials if trial.rows]
        reference = max(scored, key=lambda trial: trial.rows, default=None)
        return reference and max(
            scored, key=lambda trial: (trial.lead(reference), -trial.evaluation.parse_failures / trial.rows)
        )

    def zero_shot(self) -> Candidate:
        """Return the baseline: the task in words, or a typed question, without demos."""
        return replace(self.bare(), origin="zero-shot") if self.only_decides else self.in_words()

    def in_words(self) -> Candidate:
        """Return a prompt that states the task and its allowed outcomes in words, without demos.

        The answer is read from the text that the model writes.
        """
        prompts = {
            name: zero_shot_prompt(signature, self.model, tokens=partial(self.lengths.answer, signature))
            for name, signature in self.signatures.items()
        }
        return Candidate(prompts, origin="zero-shot")

    def bare(self) -> Candidate:
        """Return the candidate without demos in the first layout."""
        return self.candidate(self.layouts[0], dict.fromkeys(self.signatures, ()), origin="no demos")

    def candidate(self, layout: Layout, demos: Mapping[str, Sequence[Demo]], *, origin: str) -> Candidate:
        """Return the candidate that shows these demos in a layout. `demos` has a value for each predictor."""
        prompts = {name: self.prompt(signature, layout, demos[name]) for name, signature in self.signatures.items()}
        return Candidate(prompts, origin=origin)

    def prompt(
        self, signature: Signature, layout: Layout, demos: Sequence[Demo], *, instructions: str | None = None
    ) -> FrozenPrompt:
        """Return a predictor's prompt. Log-probabilities decide if the output is finite and the model tells them.

        If the deployment carries text alone, they do not decide. They are asked for, to tell how good a prompt is.
        """
        layout.check(signature)
        by_logprobs = self.tells_logprobs and decided_field(signature) is not None
        source = self._source(signature) if layout.style == "raw" else None
        return FrozenPrompt(
            signature=signature,
            layout=layout,
            instructions=signature.instructions if instructions is None else instructions,
            demos=tuple(demos),
            corrections=(Extraction(source=source),) if source is not None else (),
            decoding=Decoding(
                decide_by=DECIDED_BY.get(self.carriage, "logprobs") if by_logprobs else "text",
                max_tokens=self.lengths.answer(signature, layout),
                top_logprobs=self.alternatives(by_logprobs or source is not None),
            ),
        )

    def may_enter(self, candidate: Candidate) -> bool:
        """Tell whether a candidate fits, and no earlier trial has the same prompts."""
        return candidate.key not in self._entered and self.fits(candidate)

    def fits(self, candidate: Candidate, *, window: int | None = None) -> bool:
        """Tell whether the deployment can carry a candidate, and the longest row fits the context window.

        `window` is the size of another context window, in tokens, such as a teacher's.
        """
        return self.is_carried(candidate) and self.lengths.candidate(candidate) <= (window or self.model.context_window)

    def leave_out(self, ids: Collection[str]) -> None:
        """Remove rows by their ids. This has to happen before the first trial."""
        self.train = [row for row in self.train if row.id not in ids]
        self.val = [row for row in self.val if row.id not in ids]
        self.lengths = self.lengths.of_rows(self.train, self.val)
        self.pools = {name: demos_of(signature, self.train) for name, signature in self.signatures.items()}

    def trial(self, candidate: Candidate) -> Trial:
        """Return a new trial of a candidate.

        Raises:
            CompileError: the candidate does not fit the context window, or the deployment cannot carry it.
        """
        if not self.is_carried(candidate):
            raise CompileError(
                f"{candidate.origin} cannot be deployed with {self.carriage}: an outcome has no token of its own in "
                f"{self.model.name}, or its tokens are not told. Compile for text or runtime."
            )
        if not self.fits(candidate):
            raise CompileError(
                f"The prompt of {candidate.origin} does not fit the context window of {self.model.context_window} "
                f"tokens of {self.model.name}. Use shorter rows, or a model with a larger window."
            )
        trial = Trial(candidate, self.evaluator)
        self.trials.append(trial)
        self._entered.add(candidate.key)
        return trial

    def extend(self, trial: Trial, rows: int) -> None:
        """Answer a trial's rows up to the `rows`-th; BudgetExhausted if the budget ends before that."""
        try:
            trial.extend(self.val[:rows])
        finally:
            self._note_best()
            self.advance()

    def read_out(self) -> None:
        """Allow readouts for all trials, after the search.

        A readout needs many rows. During the search it would favour the trials that have many.
        """
        if self.may_read_out:
            for trial in self.trials:
                if all(map(passes_through, trial.evaluation.rows)):
                    trial.allow(ReadoutFitter())
            self._note_best()

    def point(self) -> None:
        """Allow a pointer for the best trial, after the search.

        Only the best trial gets one, because fitting it asks the model. If the budget cannot pay for it, there is none.
        """
        best, source = self.best, self.pointed_source
        if best is not None and source is not None:
            (signature,) = self.signatures.values()
            with suppress(BudgetExhausted):
                best.allow(PointerFitter(signature, source, (*self.train, *self.val), self.evaluator.metric))
            self._note_best()

    def _note_best(self) -> None:
        best = self.best
        if best is None:
            return
        self._leader = (best.mean, best.rows)
        score = round(best.mean, 4)
        if not self.curve or self.curve[-1][1] != score:
            self.curve.append((self.ledger.tokens, score))

    def advance(self, *, compares: bool = True) -> None:
        """Show how much of the budget is spent, and the validation score of the best trial if there is one.

        With `compares=False` no score is shown: it is for stages that ask other rows than the validation rows.
        """
        best, rows = self._leader if self._leader and compares else (None, None)
        self.progress.advance(spent=self.ledger.spent, limit=self.ledger.budget.limit, best=best, rows=rows)

    def answer(self, candidate: Candidate, rows: Sequence[Row], *, ignore_budget: bool = False) -> Evaluation:
        """Answer rows with a candidate as it is; nothing is fitted, and no trial is entered.

        With `ignore_budget`, the model is asked for all rows, even if the guard withholds the answer in any case.

        Raises:
            BudgetExhausted: the budget ends before the rows do, and is not ignored.
        """
        return summarize(self.evaluator.answer(candidate, rows, ignore_budget=ignore_budget))

    @cached_property
    def _is_chinese(self) -> bool:
        """Whether some text of the demo pool contains Chinese. It is cached, since all texts are read."""
        return any(has_chinese(str(value)) for row in self.train for value in row.inputs.values())

    def _source(self, signature: Signature) -> str | None:
        """Return the input that a predictor's answers are extracted from; None if answers are not extracted."""
        if not (self.may_extract and self.tells_logprobs):
            return None
        if signature not in self._sources:
            self._sources[signature] = source_of(signature, (*self.train, *self.val))
        return self._sources[signature]

    def alternatives(self, weighed: bool) -> int:
        """Return how many alternatives of each token to ask for.

        `weighed` tells whether alternatives decide the answer. A guard only needs the token's own log-probability.
        """
        if not self.tells_logprobs:
            return 0
        return ALTERNATIVES if weighed else int(self.may_guard)
