"""What an optimizer works with: rows, a budget, trials, the best so far."""

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from cribsheet.corrections.extraction import ALTERNATIVES
from cribsheet.dataset.examples import Demo, Example
from cribsheet.errors import CompileError
from cribsheet.evaluation.evaluate import Evaluation, summarize
from cribsheet.frozen import Decoding, FrozenPrompt
from cribsheet.layout import Layout
from cribsheet.layout.catalogue import LAYOUTS, ZERO_SHOT, layout_named
from cribsheet.layout.decisions import decided_field
from cribsheet.models import Completer, Model
from cribsheet.progress import Progress
from cribsheet.search.bootstrap.teaching import Harvest, Teaching
from cribsheet.search.budget import BudgetExhausted, Charged, Ledger
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.extraction import source_of
from cribsheet.search.corrections.pointer import PointerFitter
from cribsheet.search.demos import demos_of
from cribsheet.search.evaluator import Conditions
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
    train: Sequence[Example]
    """The demo pool."""
    val: Sequence[Example]
    """What candidates are compared on, in the order in which they are asked."""
    conditions: Conditions
    """The model, the metric, the ledger and how rows are answered."""
    progress: Progress
    rng: random.Random
    """Seeds every choice of the search."""
    tells_logprobs: bool = True
    """Whether the model tells log-probabilities."""
    may_extract: bool = True
    """Whether written answers may be made spans of an input."""
    pools: dict[str, tuple[Demo, ...]] = field(default_factory=dict)
    """The demos that each predictor may show."""
    teaching: Teaching | None = None
    """How demos are bootstrapped; None where nobody asked for it: the student then gives what rows lack."""
    harvest: Harvest | None = None
    """What the teacher's runs gave; None before they are made."""
    trials: list[Trial] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)
    """The best validation score so far against tokens spent."""
    _sources: dict[Signature, str | None] = field(default_factory=dict)
    """By signature, the input that its written answers are spans of."""
    _lengths: Lengths = field(init=False)

    def __post_init__(self) -> None:
        self._lengths = Lengths(self.model, self.train, self.val)
        for name, signature in self.signatures.items():
            self.pools.setdefault(name, demos_of(signature, self.train))

    @property
    def model(self) -> Model:
        """The model that is compiled for."""
        return self.conditions.model

    @property
    def ledger(self) -> Ledger:
        """What the compile has cost, and may."""
        return self.conditions.ledger

    @property
    def may_guard(self) -> bool:
        """Whether candidates may get a guard."""
        return self.conditions.fit_guard is not None

    @property
    def may_read_out(self) -> bool:
        """Whether candidates may get a readout: one predictor whose outcome is decided, and guarded by nothing."""
        one, *others = self.signatures.values()
        return self.tells_logprobs and not others and decided_field(one) is not None and not self.may_guard

    @property
    def pointed_source(self) -> str | None:
        """The input in which a pointer may tell where answers begin; None where they are not extracted from one."""
        one, *others = self.signatures.values()
        return None if others else self._source(one)

    def may_abstain(self, name: str) -> bool:
        """Tell whether a predictor's demos should show abstentions: not where a guard settles those by itself."""
        guard = self.conditions.fit_guard
        return guard is None or not guard.guards(name) or not guard.settles

    @property
    def teacher(self) -> Completer | None:
        """The model that proposes words and instructions, at the budget's cost; None where none was named."""
        teacher = self.teaching.teacher if self.teaching else None
        return None if teacher is None else Charged(teacher, self.ledger)

    @property
    def proposer(self) -> Completer:
        """The teacher; the model itself where there is none."""
        return self.teacher or Charged(self.model, self.ledger)

    @property
    def layouts(self) -> list[Layout]:
        """The layouts that this model can be asked in.

        Chinese ones only where the rows have Chinese in them; English ones always, as models know them best. Where
        answers are to be extracted, those alone that they can be extracted from.
        """
        raw = getattr(self.model, "supports_raw", True)
        only_raw = raw and self.pointed_source is not None
        return [
            layout
            for layout in LAYOUTS
            if (raw if layout.style == "raw" else not only_raw) and (self._is_chinese or layout.language != "zh")
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
        """Return the baseline: the task in words, no demos, the answer read from the text.

        The words name the allowed outcomes, as anyone would who asks a chat model.
        """
        layout = layout_named(ZERO_SHOT)
        prompts = {
            name: FrozenPrompt(
                signature=signature,
                layout=layout,
                instructions=spelled_out(signature, layout),
                decoding=Decoding(max_tokens=max(_SENTENCE, self._lengths.answer(signature, layout))),
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
        """Return one predictor's prompt, decided by log-probabilities where that can be."""
        layout.check(signature)
        by_logprobs = self.tells_logprobs and decided_field(signature) is not None
        source = self._source(signature) if layout.style == "raw" else None
        return FrozenPrompt(
            signature=signature,
            layout=layout,
            instructions=signature.instructions if instructions is None else instructions,
            demos=tuple(demos),
            decoding=Decoding(
                decide_by="logprobs" if by_logprobs else "text",
                max_tokens=self._lengths.answer(signature, layout),
                top_logprobs=self._alternatives(by_logprobs or source is not None),
                extract_from=source,
            ),
        )

    def fits(self, candidate: Candidate, *, window: int | None = None) -> bool:
        """Tell whether the longest row still fits the model's context window, or another of so many tokens."""
        return self._lengths.candidate(candidate) <= (window or self.model.context_window)

    def trial(self, candidate: Candidate) -> Trial:
        """Enter a candidate; CompileError where its demos cannot fit the context window."""
        if not self.fits(candidate):
            raise CompileError(
                f"The prompt of {candidate.origin} does not fit the context window of {self.model.context_window} "
                f"tokens of {self.model.name}. Use shorter rows, or a model with a larger window."
            )
        trial = Trial(candidate, self.conditions)
        self.trials.append(trial)
        return trial

    def extend(self, trial: Trial, rows: int) -> None:
        """Answer a trial's rows up to the `rows`-th; BudgetExhausted where the budget ends first, after some."""
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
                trial.read_out()
            self._note_best()

    def point(self) -> None:
        """Let a pointer be among the corrections of the best trial, once the search is over.

        For the best alone, since the model has to be asked; where the budget does not pay for it, there is none.
        """
        best, source = self.best, self.pointed_source
        if best is not None and source is not None:
            (signature,) = self.signatures.values()
            with suppress(BudgetExhausted):
                best.point(PointerFitter(signature, source, (*self.train, *self.val), self.conditions.metric))
            self._note_best()

    def _note_best(self) -> None:
        best = self.best
        score = round(best.mean, 4) if best else 0.0
        if not self.curve or self.curve[-1][1] != score:
            self.curve.append((self.ledger.tokens, score))

    def advance(self) -> None:
        """Show how far the budget is spent."""
        best = self.curve[-1][1] if self.curve else 0.0
        self.progress.advance(spent=self.ledger.spent, limit=self.ledger.budget.limit, best=best)

    def answer(self, candidate: Candidate, rows: Sequence[Example], *, whatever_it_costs: bool = False) -> Evaluation:
        """Answer rows with a candidate as it is: nothing is fitted, nothing compared.

        Whatever it costs, all rows are asked, those too that the guard withholds in any case.

        Raises:
            BudgetExhausted: where the budget ends first, unless they are to be answered whatever it costs.
        """
        results = []
        for result in self.conditions.answer(candidate, rows, ask_all=whatever_it_costs):
            for call in result.calls:
                for prompt, completion in call.answer.completions:
                    self.ledger.charge(prompt, completion)
            if not whatever_it_costs:
                self.ledger.check()
            results.append(result)
        return summarize(results)

    @cached_property
    def _is_chinese(self) -> bool:
        """Whether the rows have Chinese in them; every text of the demo pool is read for it, so once."""
        return any(has_chinese(str(value)) for row in self.train for value in row.inputs.values())

    def _source(self, signature: Signature) -> str | None:
        """Return the input that answers are to be extracted from; None where they may stand as they are written."""
        if not (self.may_extract and self.tells_logprobs):
            return None
        if signature not in self._sources:
            self._sources[signature] = source_of(signature, (*self.train, *self.val))
        return self._sources[signature]

    def _alternatives(self, weighed: bool) -> int:
        """Return how many alternatives to ask for, where they are weighed; a guard needs the token's own alone."""
        if not self.tells_logprobs:
            return 0
        return ALTERNATIVES if weighed else int(self.may_guard)
