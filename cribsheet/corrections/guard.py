"""Replace an answer by `Unanswerable` if the inputs do not seem to contain it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from cribsheet.corrections._base import (
    Answer,
    Asked,
    Correction,
    Evidence,
    Outputs,
    unknown_inputs,
    unknown_signals,
    weights_in_words,
)
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer
from cribsheet.outcomes import UNANSWERABLE, Unanswerable, Value, is_absent
from cribsheet.signature import Field, Signature
from cribsheet.text import coverage, is_grounded, lead_text, terms

SIGNALS = ("coverage", "grounded", "abstention", "confidence")
"""The names of the signals that a guard may weigh; see `Guard.weights`."""

_LEAST = 1e-12


class Guard(Correction):
    """A logistic model that decides whether to give an answer or to abstain.

    The probability that the answer should be given is the logistic function of `intercept` plus the sum of weight
    times signal; below `threshold` the outcome is `Unanswerable`. All signals are 0 to 1. If the coverage of the
    inputs is below `least_coverage`, the outcome is `Unanswerable` without asking the model.
    """

    kind: Literal["guard"] = "guard"
    field: str
    """The output that it guards."""
    context: str
    """The input that should contain the answer."""
    lead: tuple[str, ...] = ()
    """The inputs that ask, such as `question`; empty if the context is the only text."""
    weights: Mapping[str, float]
    """The weight of each signal that is used, out of `coverage` (how much of the lead's terms the context has),
    `grounded` (1 if the context contains the answer), `abstention` and `confidence`. If empty, only `least_coverage`
    is used."""
    intercept: float
    """The logit if all signals are 0."""
    threshold: float
    """The lowest probability at which the answer is given."""
    least_coverage: float = 0.0
    """The lowest coverage at which the model is asked at all; 0 to always ask it."""
    idf: Mapping[str, float] = {}
    """The inverse document frequency of each common term."""
    rare: float = 1.0
    """The inverse document frequency of all other terms."""

    label: ClassVar[str] = "guarded"

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        """Return the answer, or `Unanswerable` instead if its probability is too low."""
        if isinstance(answer.outputs, ParseFailure):
            return answer
        field = asked.signature.field(self.field)
        evidence = evidence_of(answer, asked, field)
        told = replace(answer, evidence=evidence)
        if is_absent(evidence.answer):
            return told
        standing = self.standing(asked.inputs, evidence)
        if standing and not self.weights:
            return told
        stands = standing > 0 and standing >= self.threshold
        outputs = {**answer.outputs, self.field: evidence.answer if stands else field.absent}
        sure = evidence.confidence if answer.shares is not None else 1.0
        probability = standing * sure if stands else 1 - standing
        return replace(told, outputs=outputs, standing=standing, probability=probability)

    def settle(self, inputs: Mapping[str, object]) -> Outputs | None:
        """Return `Unanswerable` if the context covers too little of the lead; None if the model has to be asked."""
        return {self.field: Unanswerable()} if self.is_off_topic(inputs) else None

    def misfits(self, signature: Signature) -> Sequence[str]:
        """Return the fields that are unknown or cannot be guarded, and the signals that do not exist."""
        guarded = [field.name for field in signature.outputs if field.abstains]
        other = (
            f"field: {self.field!r} is no output that may be unanswerable; these are: {', '.join(guarded) or 'none'}"
        )
        return [
            *([] if self.field in guarded else [other]),
            *unknown_inputs(signature, context=self.context),
            *(misfit for name in self.lead for misfit in unknown_inputs(signature, lead=name)),
            *unknown_signals(self.weights, SIGNALS),
        ]

    def describe(self) -> Mapping[str, str]:
        """Name the guarded output, the weights and the threshold."""
        facts = {"guarded": f"{self.field}, from {', '.join((*self.lead, self.context))}"}
        if self.least_coverage:
            facts["asked from"] = f"coverage {self.least_coverage:.3f}; below it unanswerable, without the model"
        if self.weights:
            facts["guard"] = (
                f"{weights_in_words(self.weights)}, intercept {self.intercept:+.3f}, threshold {self.threshold:.3f}"
            )
        return facts

    def caveat(self, signature: Signature) -> str:
        """Say when the answer is withheld."""
        cases = []
        if self.least_coverage:
            cases.append(f"{self.context} covers less than {self.least_coverage:.4g} of {' and '.join(self.lead)}")
        if self.weights:
            cases.append(f"{', '.join(self.weights)} give the answer a probability below {self.threshold:.4g}")
        return (
            f"The guard: Cribsheet answers Unanswerable for {self.field} if {', or '.join(cases)}. "
            "This export always keeps what the model writes."
        )

    def standing(self, inputs: Mapping[str, object], evidence: Evidence) -> float:
        """Return the probability that the answer should be given."""
        return 0.0 if self.is_off_topic(inputs) else self.probability(self.signals(inputs, evidence))

    def is_off_topic(self, inputs: Mapping[str, object]) -> bool:
        """Tell whether the context covers too little of the lead to contain an answer."""
        return self.least_coverage > 0 and self.coverage_of(inputs) < self.least_coverage

    def signals(self, inputs: Mapping[str, object], evidence: Evidence) -> dict[str, float]:
        """Return the value of each signal that has a weight."""
        known = {"abstention": evidence.abstention, "confidence": evidence.confidence}
        context = str(inputs[self.context])
        if "grounded" in self.weights:
            known["grounded"] = float(is_grounded(evidence.written, context))
        if "coverage" in self.weights:
            known["coverage"] = self.coverage_of(inputs)
        return {name: known[name] for name in self.weights}

    def coverage_of(self, inputs: Mapping[str, object]) -> float:
        """Return how much of the lead's terms the context has, 0 to 1."""
        asked, there = terms(lead_text(inputs, self.lead)), terms(str(inputs[self.context]))
        return coverage(set(asked), set(there), idf=self.idf, rare=self.rare)

    def probability(self, signals: Mapping[str, float]) -> float:
        """Return the probability that an answer with these signals should be given."""
        logit = self.intercept + math.fsum(weight * signals[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def guarded_field(signature: Signature) -> Field | None:
    """Return the output that can be guarded: the first that abstains, if some input is a text; else None."""
    has_text = any(field.type.is_text for field in signature.inputs)
    return next((field for field in signature.outputs if field.abstains), None) if has_text else None


def evidence_of(answer: Answer, asked: Asked, field: Field) -> Evidence:
    """Return what a guard judges a parsed answer by."""
    if answer.shares is not None:
        return _decided_evidence(field, answer.shares)
    return _written_evidence(answer, asked, field)


def _written_evidence(answer: Answer, asked: Asked, field: Field) -> Evidence:
    """Return the evidence of a written answer; without log-probabilities, abstention is 0 or 1 and confidence is 1."""
    written, given = answer.raw.outputs, answer.outputs
    value: Value = "" if isinstance(written, ParseFailure) else written[field.name]
    logprobs = answer.completion.logprobs or (0.0,)
    told = answer.completion.first_token if field == asked.signature.outputs[0] else None
    spoken = _spoken(told or {}, asked.layout.verbalizer(UNANSWERABLE))
    return Evidence(
        field=field.name,
        answer=value if isinstance(given, ParseFailure) else given[field.name],
        abstention=1.0 if is_absent(value) else spoken,
        confidence=math.exp(math.fsum(logprobs) / len(logprobs)),
        written=value,
    )


def _decided_evidence(field: Field, shares: Mapping[str, float]) -> Evidence:
    """Return the evidence of an answer that was decided by probabilities, from the calibrated ones."""
    closed = {outcome: shares[outcome] for outcome in field.closed_outcomes}
    best = max(closed, key=closed.__getitem__)
    value = field.value_of(best)
    return Evidence(
        field=field.name,
        answer=value,
        abstention=shares[UNANSWERABLE],
        confidence=closed[best] / max(math.fsum(closed.values()), _LEAST),
        written=value,
    )


def _spoken(first_token: Mapping[str, float], word: str) -> float:
    """Return the total probability of first tokens that begin the word, ignoring case and leading white space."""
    starts = {token: token.strip().casefold() for token in first_token}
    folded = word.casefold()
    spoken = (first_token[token] for token, start in starts.items() if start and folded.startswith(start))
    return min(1.0, math.fsum(math.exp(logprob) for logprob in spoken))
