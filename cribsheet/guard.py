"""Abstain where the inputs do not hold the answer, whatever the model says."""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from cribsheet.models import Completion
from cribsheet.outcomes import Unanswerable, Value

_WORD = re.compile(r"[^\W_]+")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af]+")
_STEM = 5


class Guard(BaseModel):
    """A logistic model over what is known when the answer is there.

    The probability that an answer may stand is the logistic function of `intercept` plus the sum of
    weight times signal; below `threshold` the outcome is `Unanswerable`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    """The output that it guards."""
    lead: str
    """The input that asks."""
    context: str
    """The input that should hold the answer."""
    weights: Mapping[str, float]
    """By signal: `coverage`, `grounded`, `confidence`."""
    intercept: float
    """The logit where all signals are 0."""
    threshold: float
    """The least probability that lets an answer stand."""
    idf: Mapping[str, float]
    """How much each common term of the lead counts; rarer terms count `rare`."""
    rare: float
    """How much a term counts that is not in `idf`."""

    def apply(
        self, inputs: Mapping[str, object], outputs: Mapping[str, Value], completion: Completion
    ) -> dict[str, Value]:
        """Return the outputs, with `Unanswerable` in place of an answer that may not stand."""
        if isinstance(outputs[self.field], Unanswerable):
            return dict(outputs)
        signals = self.signals(inputs, str(outputs[self.field]), completion)
        if self.probability(signals) >= self.threshold:
            return dict(outputs)
        return {**outputs, self.field: Unanswerable()}

    def signals(self, inputs: Mapping[str, object], answer: str, completion: Completion) -> dict[str, float]:
        """Return the value of each signal for one answer, each between 0 and 1."""
        context = str(inputs[self.context])
        logprobs = completion.logprobs or (0.0,)
        return {
            "coverage": self._coverage(str(inputs[self.lead]), context),
            "grounded": float(_plain(answer) in _plain(context)),
            "confidence": math.exp(math.fsum(logprobs) / len(logprobs)),
        }

    def probability(self, signals: Mapping[str, float]) -> float:
        """Return the probability that the answer may stand."""
        logit = self.intercept + sum(weight * signals[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))

    def _coverage(self, lead: str, context: str) -> float:
        """Return which share of the lead's terms the context has, each weighed by its idf."""
        there = set(terms(context))
        weights = {term: self.idf.get(term, self.rare) for term in terms(lead)}
        total = math.fsum(weights.values())
        return math.fsum(weight for term, weight in weights.items() if term in there) / total if total else 1.0


def terms(text: str) -> Iterator[str]:
    """Yield the terms of a text: words cut to five letters, and pairs of Chinese characters.

    >>> list(terms("Who built the bridges?"))
    ['who', 'built', 'the', 'bridg']
    >>> list(terms("北京大学"))
    ['北京', '京大', '大学']
    """
    for run in _WORD.findall(_plain(text)):
        rest = run
        for cjk in _CJK.findall(run):
            yield from (cjk[at : at + 2] for at in range(max(1, len(cjk) - 1)))
            rest = rest.replace(cjk, " ")
        yield from (word[:_STEM] for word in rest.split())


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
