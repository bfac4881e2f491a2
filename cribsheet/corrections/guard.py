"""Abstain where the inputs do not hold the answer, whatever the model says."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from cribsheet.layout import Layout
from cribsheet.models import Completion
from cribsheet.outcomes import UNANSWERABLE, Unanswerable, Value
from cribsheet.signature import Field, Signature
from cribsheet.text import coverage, is_grounded, lead_text, terms

_LEAST = 1e-12


@dataclass(frozen=True)
class Evidence:
    """What the model tells of one answer, before anything guards it."""

    field: str
    """The output that may abstain."""
    answer: Value
    """The answer that may stand; `Unanswerable` where the model wrote that and there is no other."""
    verdict: float
    """How much the model itself speaks for unanswerable, 0 to 1."""
    confidence: float
    """How sure it is of the answer, given that there is one, 0 to 1."""
    written: Value | None = None
    """What it wrote, where the answer was then extracted; None where that is what it wrote."""

    @property
    def said(self) -> Value:
        """What the model wrote by itself."""
        return self.answer if self.written is None else self.written


class Guard(BaseModel):
    """A logistic model over what is known when the answer is there.

    The probability that an answer may stand is the logistic function of `intercept` plus the sum of
    weight times signal; below `threshold` the outcome is `Unanswerable`. All signals are 0 to 1. Inputs
    whose coverage is under `least_coverage` have no answer, whatever the model says: it need not be asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    """The output that it guards."""
    context: str
    """The input that should hold the answer."""
    lead: tuple[str, ...] = ()
    """The inputs that ask; none where the context is the only text."""
    weights: Mapping[str, float]
    """By signal, those used: `coverage`, `grounded`, `verdict`, `confidence`; without any, the model decides."""
    intercept: float
    """The logit where all signals are 0."""
    threshold: float
    """The least probability that lets an answer stand."""
    least_coverage: float = 0.0
    """The coverage from which on there may be an answer at all."""
    idf: Mapping[str, float] = {}
    """How much each common term counts; rarer terms count `rare`."""
    rare: float = 1.0
    """How much a term counts that is not in `idf`."""

    def standing(self, inputs: Mapping[str, object], evidence: Evidence) -> float:
        """Return the probability that the answer may stand."""
        return 0.0 if self.is_off_topic(inputs) else self.probability(self.signals(inputs, evidence))

    def is_off_topic(self, inputs: Mapping[str, object]) -> bool:
        """Tell whether the context covers too little of what is asked for any answer to stand."""
        return self.least_coverage > 0 and self._coverage(inputs) < self.least_coverage

    def signals(self, inputs: Mapping[str, object], evidence: Evidence) -> dict[str, float]:
        """Return the value of each signal that has a weight."""
        known = {"verdict": evidence.verdict, "confidence": evidence.confidence}
        context = str(inputs[self.context])
        if "grounded" in self.weights:
            known["grounded"] = float(is_grounded(evidence.said, context))
        if "coverage" in self.weights:
            known["coverage"] = self._coverage(inputs)
        return {name: known[name] for name in self.weights}

    def _coverage(self, inputs: Mapping[str, object]) -> float:
        asked, there = terms(lead_text(inputs, self.lead)), terms(str(inputs[self.context]))
        return coverage(set(asked), set(there), idf=self.idf, rare=self.rare)

    def probability(self, signals: Mapping[str, float]) -> float:
        """Return the probability that an answer with these signals may stand."""
        logit = self.intercept + math.fsum(weight * signals[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def guarded_field(signature: Signature) -> Field | None:
    """Return the output that a guard may withhold: the first that abstains, where a text is given."""
    has_text = any(field.kind == "text" for field in signature.inputs)
    return next((field for field in signature.outputs if field.abstains), None) if has_text else None


def written_evidence(
    layout: Layout, signature: Signature, field: Field, value: Value, completion: Completion
) -> Evidence:
    """Return what a completion tells of an answer that was read from its text.

    Where no log-probabilities are told, the verdict is the text's and the confidence is 1.
    """
    logprobs = completion.logprobs or (0.0,)
    told = completion.first_token if field == signature.outputs[0] else None
    spoken = _spoken(told or {}, layout.verbalizer(UNANSWERABLE))
    return Evidence(
        field=field.name,
        answer=value,
        verdict=1.0 if isinstance(value, Unanswerable) else spoken,
        confidence=math.exp(math.fsum(logprobs) / len(logprobs)),
    )


def decided_evidence(field: Field, shares: Mapping[str, float]) -> Evidence:
    """Return what the calibrated shares of a finite output's outcomes tell of its best closed one."""
    closed = {outcome: shares[outcome] for outcome in field.closed_outcomes}
    best = max(closed, key=closed.__getitem__)
    return Evidence(
        field=field.name,
        answer=field.value_of(best),
        verdict=shares[UNANSWERABLE],
        confidence=closed[best] / max(math.fsum(closed.values()), _LEAST),
    )


def _spoken(first_token: Mapping[str, float], word: str) -> float:
    """Return the probability of the first tokens that begin a word, whatever the case and the space before."""
    starts = {token: token.strip().casefold() for token in first_token}
    folded = word.casefold()
    spoken = (first_token[token] for token, start in starts.items() if start and folded.startswith(start))
    return min(1.0, math.fsum(math.exp(logprob) for logprob in spoken))
