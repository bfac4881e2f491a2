"""The interface of a correction, which changes a model's raw answer into the final one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from cribsheet.layout import Layout
from cribsheet.layout.decisions import decided_field
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer, Completion
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.signature import Signature

Outputs = Mapping[str, Value]
"""Typed values by output name."""

Need = Literal["logprobs", "calls"]
"""What a correction needs besides the text: log-probabilities of the first token, or further calls of the model."""


@dataclass(frozen=True)
class Asked:
    """The request behind an answer, as far as corrections need to know it."""

    signature: Signature
    layout: Layout
    inputs: Mapping[str, object]
    """The typed inputs, by field name."""
    max_tokens: int
    """The most tokens of an answer."""


class Evidence(NamedTuple):
    """What a guard judges an answer by."""

    field: str
    """The output that the guard may make unanswerable."""
    answer: Value
    """The answer that the guard may withhold; `Unanswerable` if the model itself abstained."""
    abstention: float
    """The probability that the model itself gives to unanswerable, 0 to 1."""
    confidence: float
    """How sure the model is of the answer, given that there is one, 0 to 1."""
    written: Value
    """The value that the model wrote, before any correction; empty text if it could not be parsed."""


class Change(NamedTuple):
    """What one correction changed in an answer."""

    by: str
    """The correction's kind, such as `guard`."""
    before: Outputs | ParseFailure
    after: Outputs | ParseFailure


@dataclass(frozen=True)
class Answer:
    """The answer of one prompt for one row, after none, some or all of its corrections."""

    outputs: Outputs | ParseFailure
    """The typed outputs, or why there are none."""
    prompt: Prompt
    """The prompt that was sent to the model."""
    completion: Completion
    """The model's completion."""
    text: str = ""
    """The text from which the outputs were parsed."""
    logprobs: Mapping[str, float] | None = None
    """The model's normalised natural log-probability of each outcome; None if the answer was parsed from text."""
    shares: Mapping[str, float] | None = None
    """The probability of each outcome after the corrections so far; None if the answer was parsed from text."""
    probability: float | None = None
    """The probability of the answer, 0 to 1; None if it was not estimated."""
    unassigned: float | None = None
    """The share of the probability that belongs to no outcome, 0 to 1; None if the answer was parsed from text."""
    reasoning: str | None = None
    """The rationale that the model wrote before the outputs; None if the prompt does not ask for one."""
    evidence: Evidence | None = None
    """What a guard judged the answer by; None if there is no guard."""
    standing: float | None = None
    """The guard's probability that the answer should be given; None if no guard estimated it."""
    further: tuple[tuple[Prompt, Completion], ...] = ()
    """Further prompts that were sent for this answer, with their completions."""
    is_second: bool = False
    """Whether the model was asked twice, because the first completion could not be read."""
    by: "Correction | None" = None
    """The correction that was applied last; None for the raw answer."""
    before: "Answer | None" = None
    """The answer before that correction; None for the raw answer."""

    @property
    def steps(self) -> tuple["Answer", ...]:
        """The raw answer, then the answer after each correction."""
        return (*self.before.steps, self) if self.before else (self,)

    @property
    def raw(self) -> "Answer":
        """The answer before any correction."""
        return self.steps[0]

    @property
    def changes(self) -> tuple[Change, ...]:
        """The corrections that changed the outputs, in order."""
        return tuple(
            Change(step.by.kind, step.before.outputs, step.outputs)
            for step in self.steps
            if step.by and step.before and step.before.outputs != step.outputs
        )

    @property
    def completions(self) -> tuple[tuple[Prompt, Completion], ...]:
        """All prompts that were sent for this answer, with their completions."""
        return ((self.prompt, self.completion), *self.further)


class Correction(BaseModel):
    """One step from the raw answer to the final one. `cribsheet.search.corrections` fits it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """The name under which `CORRECTIONS` lists the class."""

    label: ClassVar[str]
    """A short name for reports, such as `calibrated`."""
    needs: ClassVar[frozenset[Need]] = frozenset()
    """What it needs besides the text."""

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        """Return the corrected answer; the same object if nothing changes."""
        raise NotImplementedError

    def settle(self, inputs: Mapping[str, object]) -> Outputs | None:
        """Return the outputs if the inputs alone decide them; None if the model has to be asked."""
        return None

    def misfits(self, signature: Signature) -> Sequence[str]:
        """Return what does not fit the signature, such as an unknown field; each begins with its place and a colon."""
        return ()

    def describe(self) -> Mapping[str, str]:
        """Describe the correction as `{name: fact}`, for tables."""
        raise NotImplementedError

    def caveat(self, signature: Signature) -> str:
        """Say in a sentence or two what is lost if a deployment cannot carry it; empty if nothing is lost."""
        raise NotImplementedError


def corrected(corrections: Sequence[Correction], answer: Answer, asked: Asked, model: Completer) -> Answer:
    """Apply the corrections to an answer; those that were already applied to it, in this order, are not repeated."""
    applied, rest = _resumed(answer, corrections)
    for correction in rest:
        applied = replace(correction.apply(applied, asked, model), by=correction, before=applied)
    return applied


def to_apply(corrections: Sequence[Correction], answer: Answer) -> Sequence[Correction]:
    """Return the corrections that still have to be applied to an answer."""
    _, rest = _resumed(answer, corrections)
    return rest


def _resumed(answer: Answer, corrections: Sequence[Correction]) -> tuple[Answer, Sequence[Correction]]:
    """Return the answer's last step that these corrections also lead to, and the corrections that remain."""
    shared, *steps = answer.steps
    applied = 0
    for step, correction in zip(steps, corrections, strict=False):
        if step.by is not correction:
            break
        shared, applied = step, applied + 1
    return shared, corrections[applied:]


def unknown_inputs(signature: Signature, **names: str) -> list[str]:
    """Return the misfits of places that name no input of the signature."""
    known = [field.name for field in signature.inputs]
    return [
        f"{place}: {name!r} is no input; the inputs are {', '.join(known)}"
        for place, name in names.items()
        if name not in known
    ]


def unknown_outcomes(signature: Signature, **outcomes: Iterable[str]) -> list[str]:
    """Return the misfits of places with a key that is no outcome of the output that is decided."""
    field = decided_field(signature)
    known = field.outcomes if field else ()
    return [
        f"{place}: {outcome!r} is no outcome; the outcomes are {', '.join(known) or 'none, as the answer is written'}"
        for place, keys in outcomes.items()
        for outcome in keys
        if outcome not in known
    ]


def unknown_signals(weights: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the misfits of weights for signals that do not exist."""
    there = list(known)
    return [f"weights: {name!r} is no signal; there are {', '.join(there)}" for name in weights if name not in there]


def weights_in_words(weights: Mapping[str, float]) -> str:
    """Return named weights in one line.

    >>> weights_in_words({"coverage": 1.5})
    'coverage +1.500'
    """
    return ", ".join(f"{name} {weight:+.3f}" for name, weight in weights.items())
