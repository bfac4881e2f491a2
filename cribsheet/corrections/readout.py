"""Read more of a first token's alternatives than the words that stand for the outcomes."""

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Readout(BaseModel):
    """Weights of tokens for outcomes: what a model would sooner have said tells what it means.

    After a headline on a match, " Football" gains on its usual share even where the word for the outcome is
    " Sports". A linear reading of the alternatives, as LinC reads the outcomes' own shares (Abbas et al. 2024,
    arXiv:2401.12406) and kNN prompting all of the vocabulary's (Xu et al. 2023, arXiv:2303.13824).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    usual: Mapping[str, float]
    """By token, its mean log-probability (natural) on the rows that the weights were fitted on."""
    weights: Mapping[str, Mapping[str, float]]
    """By token and outcome, what a nat above the usual adds to the logarithm of the outcome's share."""
    biases: Mapping[str, float]
    """By outcome, what is added to the logarithm of its share whatever the tokens."""

    def shares(self, calibrated: Mapping[str, float], first_token: Mapping[str, float]) -> dict[str, float]:
        """Return the probability of each outcome, from the calibrated ones and the first token's alternatives.

        A token that is not among the alternatives counts as the least likely of them.

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
    """Return how far each token's log-probability is above the usual, in nats."""
    floor = min(first_token.values())
    return {token: first_token.get(token, floor) - mean for token, mean in usual.items()}


_LEAST = 1e-30
