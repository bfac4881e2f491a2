"""Subtract a bias from each outcome's log-probability before the decision."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import field_validator

from cribsheet.corrections._base import Answer, Asked, Correction, Need, unknown_outcomes, weights_in_words
from cribsheet.layout.decisions import decided_field, likeliest
from cribsheet.layout.scoring import logsumexp
from cribsheet.models import Completer
from cribsheet.signature import Signature
from cribsheet.text import shortened


class Calibration(Correction):
    """A bias per outcome, subtracted from its log-probability before the decision."""

    kind: Literal["calibration"] = "calibration"
    biases: Mapping[str, float]
    """The bias of each outcome, in natural log units; if all are 0, nothing changes."""
    logit_bias: Mapping[str, float] | None = None
    """The same calibration as a server's `logit_bias`: by token id, what is added to the token's logit, -100 to 100.
    The first token under greedy decoding is then the decision. None if an outcome has no token of its own, or if the
    model does not report token ids."""

    label: ClassVar[str] = "calibrated"
    needs: ClassVar[frozenset[Need]] = frozenset({"logprobs"})

    @field_validator("logit_bias")
    @classmethod
    def _check_token_ids(cls, biases: Mapping[str, float] | None) -> Mapping[str, float] | None:
        other = next((token for token in biases or {} if not token.isdecimal()), None)
        if other is not None:
            raise ValueError(f"its keys must be token ids, such as '284', but one is {shortened(other)!r}")
        return biases

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        """Decide by the calibrated log-probabilities; an answer that was parsed from text stays unchanged."""
        field = decided_field(asked.signature)
        if field is None or answer.logprobs is None:
            return answer
        probabilities = shares(answer.logprobs, self)
        outputs, probability = likeliest(field, probabilities)
        return replace(answer, outputs=outputs, shares=probabilities, probability=probability)

    def misfits(self, signature: Signature) -> Sequence[str]:
        """Return the biases of unknown outcomes."""
        return unknown_outcomes(signature, biases=self.biases)

    def describe(self) -> Mapping[str, str]:
        """Return the biases."""
        return {"biases": weights_in_words(self.biases)}

    def caveat(self, signature: Signature) -> str:
        """Say which bias is subtracted from which outcome."""
        if not any(self.biases.values()):
            return ""
        steps = ", ".join(f"{bias:+.4g} from {outcome}" for outcome, bias in self.biases.items())
        return f"Calibration: before deciding, Cribsheet subtracts {steps} (natural logs). This export does not."


def shares(logprobs: Mapping[str, float], calibration: Calibration | None) -> dict[str, float]:
    """Return the calibrated probability of each outcome.

    >>> shares({"a": math.log(0.8), "b": math.log(0.2)}, Calibration(biases={"a": math.log(4), "b": 0.0}))
    {'a': 0.5, 'b': 0.5}
    """
    biases = calibration.biases if calibration else {}
    scores = {outcome: logprob - biases.get(outcome, 0.0) for outcome, logprob in logprobs.items()}
    total = logsumexp(scores.values())
    return {outcome: math.exp(score - total) for outcome, score in scores.items()}


def batch_calibration(rows: Iterable[Mapping[str, float]]) -> Calibration:
    """Fit the bias of each outcome as its mean log-probability over a batch of inputs, without using labels.

    Batch Calibration (Zhou et al. 2023, arXiv:2309.17249) with a uniform prior. The paper uses the logarithm of the
    mean probability; the mean of the logarithms depends less on a few inputs of which a small model is very sure.

    >>> batch_calibration([{"a": math.log(0.9), "b": math.log(0.1)}]).biases
    {'a': -0.1054, 'b': -2.3026}
    """
    batch = list(rows)
    means = {outcome: math.fsum(row[outcome] for row in batch) / len(batch) for outcome in batch[0]}
    # Four decimals: more digits carry no information, and people read the frozen file.
    return Calibration(biases={outcome: round(mean, 4) for outcome, mean in means.items()})
