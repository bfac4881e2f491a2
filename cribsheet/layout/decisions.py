"""Decide a finite outcome by the log-probabilities of the verbalizers' first tokens."""

import math
from collections.abc import Callable, Iterable, Mapping

from cribsheet.layout.layout import Layout
from cribsheet.outcomes import Value
from cribsheet.signature import Field, Signature

NextToken = Callable[[str], Mapping[str, float] | None]
"""Tells the alternatives for the token that comes after a text, which comes after the prompt."""

_AUDIBLE = math.log(0.02)  # what is less likely decides nothing, and would cost a call


def decided_field(signature: Signature) -> Field | None:
    """Return the output whose outcome is the whole answer, None if the answer must be written."""
    (first, *rest) = signature.outputs
    return first if first.is_finite and not rest else None


def likeliest(field: Field, shares: Mapping[str, float]) -> tuple[dict[str, Value], float]:
    """Return the likeliest outcome's value by the field's name, and its probability."""
    best = max(shares, key=shares.__getitem__)
    return {field.name: field.value_of(best)}, shares[best]


def outcome_logprobs(
    layout: Layout, field: Field, first_token: Mapping[str, float], *, next_token: NextToken | None = None
) -> dict[str, float] | None:
    """Return the normalised log-probability of each outcome; None if no token speaks for any.

    A token speaks for an outcome when it begins its verbalizer, whatever the case and the white
    space before it, and begins no other's. What begins several is shared out by the tokens that
    `next_token` tells after it; without that it speaks for none. An outcome that no reported token speaks
    for gets the lowest reported log-probability: it has at most that.
    """
    words = {outcome: layout.verbalizer(outcome).casefold() for outcome in field.outcomes}
    spoken = _spoken(words, first_token, next_token, said="")
    if not any(spoken.values()):
        return None
    floor = min(first_token.values())
    sums = {outcome: logsumexp(spoken[outcome] or [floor]) for outcome in words}
    total = logsumexp(sums.values())
    return {outcome: logprob - total for outcome, logprob in sums.items()}


def token_logprobs(layout: Layout, field: Field, first_token: Mapping[str, float]) -> dict[str, float]:
    """Return the normalised log-probability of each outcome's likeliest own token.

    A token is an outcome's own if it is the whole verbalizer, ignoring case and white space: what greedy decoding
    chooses between if only such tokens are biased. An outcome without one gets the lowest reported log-probability.
    """
    floor = min(first_token.values(), default=0.0)
    said = [(token.strip().casefold(), logprob) for token, logprob in first_token.items()]
    found = {
        outcome: max((logprob for token, logprob in said if token == word), default=floor)
        for outcome in field.outcomes
        for word in (layout.verbalizer(outcome).casefold(),)
    }
    total = logsumexp(found.values())
    return {outcome: logprob - total for outcome, logprob in found.items()}


def _spoken(
    rests: Mapping[str, str], tokens: Mapping[str, float], next_token: NextToken | None, *, said: str
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
        elif any(heard.values()) and next_token is not None and logprob > _AUDIBLE:
            further = _spoken(heard, next_token(said + token) or {}, next_token, said=said + token)
            for outcome, logprobs in further.items():
                spoken[outcome] += [logprob + one for one in logprobs]
    return spoken


def logsumexp(values: Iterable[float]) -> float:
    """Return the logarithm of the sum of exponentials, without overflow."""
    listed = list(values)
    top = max(listed)
    return top + math.log(math.fsum(math.exp(value - top) for value in listed))
