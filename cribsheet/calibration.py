"""Decide a finite outcome by the log-probabilities of the verbalizers' first tokens."""

import math
from collections.abc import Callable, Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from cribsheet.layout import Layout
from cribsheet.signature import Field, Signature

GoOn = Callable[[str], Mapping[str, float] | None]
"""Tells the alternatives for the token that comes after a text, which comes after the prompt."""

CONTENT_FREE = ("N/A", "[MASK]", "")
"""Inputs that say nothing, as in Zhao et al. 2021."""

_AUDIBLE = math.log(0.02)  # what is less likely decides nothing, and would cost a call


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


def outcome_logprobs(
    layout: Layout, field: Field, first_token: Mapping[str, float], *, go_on: GoOn | None = None
) -> dict[str, float] | None:
    """Return the normalised log-probability of each outcome; None where no token speaks for any.

    A token speaks for an outcome when it begins its verbalizer, whatever the case and the white
    space before it, and begins no other's. What begins several is shared out by the tokens that
    `go_on` tells after it; without that it speaks for none. An outcome that no reported token speaks
    for gets the lowest reported log-probability: it has at most that.
    """
    words = {outcome: layout.verbalizer(outcome).casefold() for outcome in field.outcomes}
    spoken = _spoken(words, first_token, go_on, said="")
    if not any(spoken.values()):
        return None
    floor = min(first_token.values())
    sums = {outcome: _logsumexp(spoken[outcome] or [floor]) for outcome in words}
    total = _logsumexp(sums.values())
    return {outcome: logprob - total for outcome, logprob in sums.items()}


def _spoken(
    rests: Mapping[str, str], tokens: Mapping[str, float], go_on: GoOn | None, *, said: str
) -> dict[str, list[float]]:
    """Return the log-probabilities that speak for each outcome, given what of its verbalizer is yet to come."""
    spoken: dict[str, list[float]] = {outcome: [] for outcome in rests}
    for token, logprob in tokens.items():
        start = token.strip().casefold()
        heard = {
            outcome: rest[len(start) :].lstrip() for outcome, rest in rests.items() if start and rest.startswith(start)
        }
        if not heard:  # the verbalizer that has ended is what this token comes after
            heard = {outcome: "" for outcome, rest in rests.items() if not rest}
        if len(heard) == 1:
            spoken[next(iter(heard))].append(logprob)
        elif any(heard.values()) and go_on is not None and logprob > _AUDIBLE:
            further = _spoken(heard, go_on(said + token) or {}, go_on, said=said + token)
            for outcome, logprobs in further.items():
                spoken[outcome] += [logprob + one for one in logprobs]
    return spoken


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


def contextual_calibration(content_free: Iterable[Mapping[str, float]]) -> Calibration:
    """Fit the bias of each outcome as the log of its mean probability over inputs without content.

    Contextual Calibration (Zhao et al. 2021, "Calibrate Before Use", arXiv:2102.09690), which asks for no
    rows at all. Takes the outcomes' log-probabilities after each of `CONTENT_FREE`.

    >>> contextual_calibration([{"a": math.log(0.9), "b": math.log(0.1)}]).biases
    {'a': -0.1054, 'b': -2.3026}
    """
    batch = list(content_free)
    means = {outcome: _logsumexp(row[outcome] for row in batch) - math.log(len(batch)) for outcome in batch[0]}
    return Calibration(biases={outcome: round(mean, 4) for outcome, mean in means.items()})


def _logsumexp(values: Iterable[float]) -> float:
    listed = list(values)
    top = max(listed)
    return top + math.log(math.fsum(math.exp(value - top) for value in listed))
