"""Helpers that decide a finite outcome by the probabilities of the outcomes' words."""

from collections.abc import Callable, Mapping

from cribsheet.layout.layout import Layout
from cribsheet.layout.scoring import logsumexp
from cribsheet.layout.spelling import Spelling
from cribsheet.outcomes import Value
from cribsheet.signature import Field, Signature

NextToken = Callable[[str], Mapping[str, float] | None]
"""Returns the log-probabilities of the next token after the prompt and a given text; None if not available."""


def decided_field(signature: Signature) -> Field | None:
    """Return the only output if it is finite, so that its outcome is the whole answer; None if text must be written."""
    (first, *rest) = signature.outputs
    return first if first.is_finite and not rest else None


def likeliest(field: Field, shares: Mapping[str, float]) -> tuple[dict[str, Value], float]:
    """Return the most likely outcome as `{field name: value}`, and its probability."""
    best = max(shares, key=shares.__getitem__)
    return {field.name: field.value_of(best)}, shares[best]


def token_logprobs(layout: Layout, field: Field, first_token: Mapping[str, float]) -> dict[str, float]:
    """Return the normalised log-probability of each outcome's own token.

    A token is an outcome's own if it is the whole verbalizer, ignoring case and white space; if there are several,
    the most likely one counts. Greedy decoding chooses between such tokens if only they have a logit bias. An outcome
    without one gets the lowest reported log-probability.
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


def spelling_of(layout: Layout, signature: Signature, field: Field) -> Spelling:
    """Return the words with which a layout writes the outcomes of a field."""
    words = {outcome: layout.verbalizer(outcome) for outcome in field.outcomes}
    return Spelling(words, stops=layout.stops(signature))
