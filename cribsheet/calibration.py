"""Decide a finite outcome by the log-probabilities of the verbalizers' first tokens."""

import math
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from cribsheet.layout import Layout
from cribsheet.signature import Field, Signature


class Calibration(BaseModel):
    """A bias per outcome, subtracted from its log-probability before the decision."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    biases: Mapping[str, float]
    """By outcome, natural log; 0 everywhere changes nothing."""
    logit_bias: Mapping[str, float] | None = None
    """What a server adds to the logits of the outcomes' tokens so that one greedy token is the decision: by
    token id, natural log, from -100 to 100. None where an outcome has no token of its own, or none is told."""


def decided_field(signature: Signature) -> Field | None:
    """Return the output whose outcome is the whole answer, None where the answer must be written."""
    (first, *rest) = signature.outputs
    return first if first.is_finite and not rest else None


def outcome_logprobs(layout: Layout, field: Field, first_token: Mapping[str, float]) -> dict[str, float] | None:
    """Return the normalised log-probability of each outcome; None where no token speaks for any.

    A token speaks for an outcome when it begins its verbalizer, whatever the case and the white
    space before it, and begins no other's. An outcome that no reported token speaks for gets the
    lowest reported log-probability: it has at most that.
    """
    words = {outcome: layout.verbalizer(outcome).casefold() for outcome in field.outcomes}
    spoken: dict[str, list[float]] = {}
    for token, logprob in first_token.items():
        start = token.strip().casefold()
        heard = [outcome for outcome, word in words.items() if start and word.startswith(start)]
        if len(heard) == 1:
            spoken.setdefault(heard[0], []).append(logprob)
    if not spoken:
        return None
    floor = min(first_token.values())
    sums = {outcome: _logsumexp(spoken.get(outcome, [floor])) for outcome in words}
    total = _logsumexp(sums.values())
    return {outcome: logprob - total for outcome, logprob in sums.items()}


def shares(logprobs: Mapping[str, float], calibration: Calibration | None) -> dict[str, float]:
    """Return the calibrated probability of each outcome.

    >>> shares({"a": math.log(0.8), "b": math.log(0.2)}, Calibration(biases={"a": math.log(4), "b": 0.0}))
    {'a': 0.5, 'b': 0.5}
    """
    biases = calibration.biases if calibration else {}
    scores = {outcome: logprob - biases.get(outcome, 0.0) for outcome, logprob in logprobs.items()}
    total = _logsumexp(scores.values())
    return {outcome: math.exp(score - total) for outcome, score in scores.items()}


def batch_calibration(rows: Iterable[Mapping[str, float]]) -> Calibration:
    """Fit the bias of each outcome as its mean log-probability over a batch of inputs; no label is used.

    Batch Calibration (Zhou et al. 2023, arXiv:2309.17249) with a uniform prior. The mean is taken of
    logarithms, where the paper takes the log of the mean: a few inputs that a small model is very sure
    of then move the bias less.

    >>> batch_calibration([{"a": math.log(0.9), "b": math.log(0.1)}]).biases
    {'a': -0.1054, 'b': -2.3026}
    """
    batch = list(rows)
    means = {outcome: math.fsum(row[outcome] for row in batch) / len(batch) for outcome in batch[0]}
    # Four decimals: finer digits say nothing, and a file is read by people.
    return Calibration(biases={outcome: round(mean, 4) for outcome, mean in means.items()})


def _logsumexp(values: Iterable[float]) -> float:
    listed = list(values)
    top = max(listed)
    return top + math.log(math.fsum(math.exp(value - top) for value in listed))
