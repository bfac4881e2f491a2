"""Decide a finite outcome by all alternatives of the first token, not only by the verbalizers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from cribsheet.corrections._base import Answer, Asked, Correction, Need, unknown_outcomes
from cribsheet.layout.decisions import decided_field, likeliest
from cribsheet.models import Completer
from cribsheet.signature import Signature
from cribsheet.text import counted


class Readout(Correction):
    """A linear model from the first token's alternatives to the outcomes.

    For example, after a headline about a match the token " Football" is more likely than usual, even if the word for
    the outcome is " Sports". LinC fits such a linear model on the outcomes' own probabilities (Abbas et al. 2024,
    arXiv:2401.12406); kNN prompting uses those of the whole vocabulary (Xu et al. 2023, arXiv:2303.13824).
    """

    kind: Literal["readout"] = "readout"
    usual: Mapping[str, float]
    """The mean natural log-probability of each token on the rows that the weights were fitted on."""
    weights: Mapping[str, Mapping[str, float]]
    """By token and outcome: how much the outcome's log-probability grows per nat that the token is above its usual."""
    biases: Mapping[str, float]
    """By outcome: what is always added to its log-probability."""

    label: ClassVar[str] = "read out"
    needs: ClassVar[frozenset[Need]] = frozenset({"logprobs"})

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        """Decide by the weighted alternatives; an answer that was parsed from text stays unchanged."""
        field = decided_field(asked.signature)
        if field is None or answer.shares is None or not answer.completion.first_token:
            return answer
        probabilities = self.shares(answer.shares, answer.completion.first_token)
        outputs, probability = likeliest(field, probabilities)
        return replace(answer, outputs=outputs, shares=probabilities, probability=probability)

    def misfits(self, signature: Signature) -> Sequence[str]:
        """Return the outcomes that are unknown, and the tokens without weights."""
        outcomes = {outcome: None for weights in self.weights.values() for outcome in weights}
        missing = [token for token in self.usual if token not in self.weights]
        return [
            *unknown_outcomes(signature, weights=outcomes, biases=self.biases),
            *(f"weights: the token {token!r} of usual has none" for token in missing),
        ]

    def describe(self) -> Mapping[str, str]:
        """Name the number of tokens, and for each outcome the token that supports it most."""
        if not self.usual:
            return {"read out": "no token"}
        best = {
            outcome: max(self.usual, key=lambda token: self.weights[token].get(outcome, 0.0)) for outcome in self.biases
        }
        telling = ", ".join(f"{token.strip()!r} for {outcome}" for outcome, token in best.items())
        return {"read out": f"{counted(len(self.usual), 'token')}, such as {telling}"}

    def caveat(self, signature: Signature) -> str:
        """Say how many alternatives are used."""
        return (
            f"The readout: before deciding, Cribsheet weighs alternatives of the first token ({len(self.usual)}) for "
            "each outcome, with the weights of the frozen file. This export does not."
        )

    def shares(self, calibrated: Mapping[str, float], first_token: Mapping[str, float]) -> dict[str, float]:
        """Return the probability of each outcome, from the calibrated ones and the first token's alternatives.

        A token that is not among the alternatives gets the log-probability of the least likely one.

        >>> readout = Readout(usual={" ball": -3.0}, weights={" ball": {"sports": 1.0}}, biases={"sports": 0.0})
        >>> readout.shares({"sports": 0.5, "world": 0.5}, {" ball": -3.0 + math.log(4)})
        {'sports': 0.8, 'world': 0.2}
        """
        above = told_above(self.usual, first_token)
        scores = {
            outcome: math.log(max(share, _LEAST))
            + self.biases.get(outcome, 0.0)
            + math.fsum(self.weights[token].get(outcome, 0.0) * more for token, more in above.items())
            for outcome, share in calibrated.items()
        }
        top = max(scores.values())
        raised = {outcome: math.exp(score - top) for outcome, score in scores.items()}
        total = math.fsum(raised.values())
        return {outcome: value / total for outcome, value in raised.items()}


def told_above(usual: Mapping[str, float], first_token: Mapping[str, float]) -> dict[str, float]:
    """Return by how many nats each token's log-probability is above its usual one."""
    floor = min(first_token.values())
    return {token: first_token.get(token, floor) - mean for token, mean in usual.items()}


_LEAST = 1e-30
