"""What an optimizer works with: rows, a budget, trials, the best so far."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from cribsheet.budget import BudgetExhausted
from cribsheet.carriage import Carriage
from cribsheet.corrections import Extraction
from cribsheet.corrections.extraction import ALTERNATIVES
from cribsheet.dataset.examples import Demo, Row
from cribsheet.errors import CompileError
from cribsheet.evaluation.evaluate import Evaluation, summarize
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import LAYOUTS, QUESTIONS, ZERO_SHOT, ZERO_SHOT_RAW, layout_named
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
from cribsheet.search.ledger import Charged, Ledger
from cribsheet.search.lengths import Lengths
from cribsheet.search.trial import Trial
from cribsheet.search.wording.instructions import spelled_out
from cribsheet.signature import Signature
from cribsheet.text import has_chinese

_SENTENCE = 24  # tokens: without demos, models answer in sentences


@dataclass
class Study:
    """One compile: what is given, and what has been found."""

    signatures: Mapping[str, Signature]
    """One a predictor."""
    train: Sequence[Row]
    """The demo pool."""
    val: Sequence[Row]
    """What candidates are compared on, in the order in which they are asked."""
    evaluator: Evaluator
    """The model, the metric, the ledger and how rows are answered."""
    progress: Progress
    rng: random.Random
    """Seeds every choice of the search."""
    tells_logprobs: bool = True
    """Whether the model tells log-probabilities."""
    may_extract: bool = True
    """Whether written answers may be made spans of an input."""
    carriage: Carriage = "runtime"
    """What the deployment carries that is compiled for."""
    is_carried: Callable[[Candidate], bool] = lambda candidate: True
    """Tells whether the carriage can express a candidate."""
    pools: dict[str, tuple[Demo, ...]] = field(default_factory=dict)
    """The demos that each predictor may show."""
    teacher_settings: TeacherSettings | None = None
    """How demos are bootstrapped; None if nobody asked for it: the student then gives what rows lack."""
    teacher_runs: TeacherRuns | None = None
    """What the teacher's runs gave; None before they are made."""
    trials: list[Trial] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)
    """The best validation score so far against tokens spent."""
    _entered: set[str] = field(default_factory=set)
    _sources: dict[Signature, str | None] = field(default_factory=dict)
    """By signature, the input that its written answers are spans of."""
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
        """What the compile has cost, and may."""
        return self.evaluator.ledger

    @property
    def only_decides(self) -> bool:
        """Whether the model answers typed questions alone, and writes nothing."""
        return bool(getattr(self.model, "only_decides", False))

    @property
    def may_guard(self) -> bool:
        """Whether candidates may get a guard."""
        return self.evaluator.fit_guard is not None

    @property
    def may_read_out(self) -> bool:
        """Whether candidates may get a readout: if there is one predictor, whose outcome is decided."""
        one, *others = self.signatures.values()
        is_carried = self.carriage in ("logprobs", "runtime")
        return is_carried and self.tells_logprobs and not others and decided_field(one) is not None

    @property
    def pointed_source(self) -> str | None:
        """The input in which a pointer may tell where answers begin; None if they are not extracted from one."""
        one, *others = self.signatures.values()
        return None if others else self._source(one)

    def may_abstain(self, name: str) -> bool:
        """Tell whether a predictor's demos should show abstentions: not if a guard settles those by itself."""
        guard = self.evaluator.fit_guard
        return guard is None or not guard.guards(name) or not guard.settles

    @property
    def teacher(self) -> Completer | None:
        """The model that proposes words and instructions, at the budget's cost; None if none was named."""
        teacher = self.teacher_settings.teacher if self.teacher_settings else None
        return None if teacher is None else Charged(teacher, self.ledger)

    @property
    def proposer(self) -> Completer:
        """The teacher; the model itself if there is none."""
        return self.teacher or Charged(self.model, self.ledger)

    @property
    def layouts(self) -> list[Layout]:
        """The layouts that this model can be asked in.

        Chinese ones only if the rows have Chinese in them; English ones always, as models know them best. Where
        answers are to be extracted, those alone that they can be extracted from.
        """
        if self.only_decides:
            return [layout for layout in QUESTIONS if all(suits(layout, one) for one in self.signatures.values())]
        raw = getattr(self.model, "supports_raw", True)
        chat = self._takes_chats and not (raw and self.pointed_source is not None)
        return [
            layout
            for layout in LAYOUTS
            if (raw if layout.style == "raw" else chat) and (self._is_chinese or layout.language != "zh")
        ]

    @property
    def best(self) -> Trial | None:
        """The trial that stands best: of those with the most rows, unless one with fewer is clearly better."""
        scored = [trial for trial in self.trials if trial.rows]
        if not scored:
            return None
        reference = max(scored, key=lambda trial: trial.rows)
        return max(scored, key=lambda trial: trial.lead(reference))

    def zero_shot(self) -> Candidate:
        """Return the baseline: the task in words, or as a typed question, without demos."""
        return replace(self.bare(), origin="zero-shot") if self.only_decides else self.in_words()

    def in_words(self) -> Candidate:
        """Return the task in words for a model that writes: no demos, the answer read from the text.

        The words name the allowed outcomes, as anyone would who asks a chat model.
        """
        layout = layout_named(ZERO_SHOT if self._takes_chats else ZERO_SHOT_RAW)
        prompts = {
            name: FrozenPrompt(
                signature=signature,
                layout=layout,
                instructions=spelled_out(signature, layout),
                decoding=Decoding(max_tokens=max(_SENTENCE, self.lengths.answer(signature, layout))),
            )
            for name, signature in self.signatures.items()
        }
        return Candidate(prompts, origin="zero-shot")

    def bare(self) -> Candidate:
        """Return the candidate without demos in the first layout."""
        return self.candidate(self.layouts[0], dict.fromkeys(self.signatures, ()), origin="no demos")

    def candidate(self, layout: Layout, demos: Mapping[str, Sequence[Demo]], *, origin: str) -> Candidate:
        """Return the candidate that shows these demos in one layout."""
        prompts = {name: self.prompt(signature, layout, demos[name]) for name, signature in self.signatures.items()}
        return Candidate(prompts, origin=origin)

    def reworded(self, candidate: Candidate, name: str, layout: Layout) -> Candidate:
        """Return the candidate with one predictor's prompt in another layout, such as one with other words."""
        old = candidate.prompts[name]
        prompt = self.prompt(old.signature, layout, old.demos, instructions=old.instructions)
        return candidate.with_prompt(name, prompt, origin=candidate.origin)

    def prompt(
        self, signature: Signature, layout: Layout, demos: Sequence[Demo], *, instructions: str | None = None
    ) -> FrozenPrompt:
        """Return one predictor's prompt, decided by log-probabilities if that can be."""
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
                decide_by="text" if not by_logprobs else "token" if self.carriage == "logit_bias" else "logprobs",
                max_tokens=self.lengths.answer(signature, layout),
                top_logprobs=self._alternatives(by_logprobs or source is not None),
            ),
        )

    def may_enter(self, candidate: Candidate) -> bool:
        """Tell whether a candidate fits, and no trial asks the same."""
        return candidate.key not in self._entered and self.fits(candidate)

    def fits(self, candidate: Candidate, *, window: int | None = None) -> bool:
        """Tell whether the longest row fits the context window, or one of `window` tokens, and the carriage."""
        return self.is_carried(candidate) and self.lengths.candidate(candidate) <= (window or self.model.context_window)

    def leave_out(self, ids: Collection[str]) -> None:
        """Go on without these rows, before any trial was entered."""
        self.train = [row for row in self.train if row.id not in ids]
        self.val = [row for row in self.val if row.id not in ids]
        self.lengths = self.lengths.of_rows(self.train, self.val)
        self.pools = {name: demos_of(signature, self.train) for name, signature in self.signatures.items()}

    def trial(self, candidate: Candidate) -> Trial:
        """Enter a candidate; CompileError if it does not fit the context window, or the carriage."""
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
        """Answer a trial's rows up to the `rows`-th; BudgetExhausted if the budget ends first, after some."""
        try:
            trial.extend(self.val[:rows])
        finally:
            self._note_best()
            self.advance()

    def read_out(self) -> None:
        """Let readouts be among the corrections of all trials, once the search is over.

        They need many rows: before, they would favour the trials that have them.
        """
        if self.may_read_out:
            for trial in self.trials:
                if all(map(passes_through, trial.evaluation.rows)):
                    trial.allow(ReadoutFitter())
            self._note_best()

    def point(self) -> None:
        """Let a pointer be among the corrections of the best trial, once the search is over.

        For the best alone, since the model has to be asked; if the budget does not pay for it, there is none.
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
        score = round(best.mean, 4)
        if not self.curve or self.curve[-1][1] != score:
            self.curve.append((self.ledger.tokens, score))

    def advance(self, *, compares: bool = True) -> None:
        """Show how far the budget is spent, and the best validation score if there is one.

        A stage that asks other rows than the validation rows does not compare, and has no score to show.
        """
        best = self.curve[-1][1] if self.curve and compares else None
        self.progress.advance(spent=self.ledger.spent, limit=self.ledger.budget.limit, best=best)

    def answer(self, candidate: Candidate, rows: Sequence[Row], *, ignore_budget: bool = False) -> Evaluation:
        """Answer rows with a candidate as it is: nothing is fitted, nothing compared.

        If the budget is to be ignored, all rows are asked, those too that the guard withholds in any case.

        Raises:
            BudgetExhausted: if the budget ends first, unless it is to be ignored.
        """
        return summarize(self.evaluator.answer(candidate, rows, ignore_budget=ignore_budget))

    @property
    def _takes_chats(self) -> bool:
        return bool(getattr(self.model, "supports_chat", True))

    @cached_property
    def _is_chinese(self) -> bool:
        """Whether the rows have Chinese in them; every text of the demo pool is read for it, so once."""
        return any(has_chinese(str(value)) for row in self.train for value in row.inputs.values())

    def _source(self, signature: Signature) -> str | None:
        """Return the input that answers are to be extracted from; None if they may stand as they are written."""
        if not (self.may_extract and self.tells_logprobs):
            return None
        if signature not in self._sources:
            self._sources[signature] = source_of(signature, (*self.train, *self.val))
        return self._sources[signature]

    def _alternatives(self, weighed: bool) -> int:
        """Return how many alternatives to ask for, if they are weighed; a guard needs the token's own alone."""
        if not self.tells_logprobs:
            return 0
        return ALTERNATIVES if weighed else int(self.may_guard)
