"""Read log-probabilities as servers send them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cribsheet.models._base import Part
from cribsheet.models._json import well_formed

Entry = Mapping[str, Any]
"""JSON for one token: `token`, `logprob`, maybe `bytes`; `top_logprobs` lists its alternatives in the same form."""


class TokenLogprobs(NamedTuple):
    """The log-probabilities that a server reported for a completion."""

    first_token: dict[str, float] | None
    """Log-probability of each reported alternative for the first token."""
    logprobs: tuple[float, ...] | None
    """Log-probability of each token of the text."""
    parts: tuple[Part, ...] = ()
    """The first token's alternatives that are parts of characters."""
    is_above_0: bool = False
    """Whether the server reported values above 0, which are not used because they cannot be log-probabilities."""


_ROUNDING = 1e-3
"""How far above 0 a log-probability may be, because servers round."""
ABOVE_0 = "logprobs above 0"
"""The name in `Completion.refused` for log-probabilities that were not used because they are above 0."""
NOTHING_TOLD = TokenLogprobs(None, None)


def read_entries(entries: Sequence[Entry], text: str) -> TokenLogprobs:
    """Return the log-probabilities of a completion's text, given one entry per token.

    >>> entry = {"token": "yes", "logprob": -0.1}
    >>> read_entries([entry | {"top_logprobs": [entry, {"token": "no", "logprob": -2.3}]}], "yes")
    TokenLogprobs(first_token={'yes': -0.1, 'no': -2.3}, logprobs=(-0.1,), parts=(), is_above_0=False)
    """
    if not entries:
        return NOTHING_TOLD
    logprobs, left = [], len(text)
    for entry in entries:
        if left <= 0:  # the remaining entries belong to a stop sequence or to the end-of-text token
            break
        logprobs.append(entry["logprob"])
        left -= len(text_of(entry))
    first = _first_token(entries[0])
    return TokenLogprobs(first, tuple(logprobs), first_parts(entries[0].get("top_logprobs") or ()) if first else ())


def sound(told: TokenLogprobs) -> TokenLogprobs:
    """Return the log-probabilities unchanged, or none if any is NaN or above 0, or if all alternatives are impossible.

    >>> sound(TokenLogprobs({"yes": math.nan}, None)) == NOTHING_TOLD
    True
    >>> sound(TokenLogprobs({"yes": -math.inf}, None)) == NOTHING_TOLD
    True
    >>> sound(TokenLogprobs({"yes": 0.9}, None)).is_above_0
    True
    """
    alternatives = (told.first_token or {}).values()
    numbers = [*alternatives, *(told.logprobs or ())]
    if any(number > _ROUNDING for number in numbers):
        return NOTHING_TOLD._replace(is_above_0=True)
    is_impossible = bool(alternatives) and max(alternatives) == -math.inf
    return NOTHING_TOLD if is_impossible or any(map(math.isnan, numbers)) else told


def as_entries(columns: Mapping[str, Any]) -> list[Entry]:
    """Convert the lists that the classic `/v1/completions` of OpenAI and vLLM sends into one entry per token.

    >>> as_entries({"tokens": ["yes"], "token_logprobs": [-0.1], "top_logprobs": [{"yes": -0.1}]})
    [{'token': 'yes', 'logprob': -0.1, 'top_logprobs': [{'token': 'yes', 'logprob': -0.1}]}]
    """
    tokens, logprobs = columns.get("tokens") or (), columns.get("token_logprobs") or ()
    tops = columns.get("top_logprobs") or [None] * len(tokens)
    return [
        {"token": token, "logprob": logprob, "top_logprobs": _as_alternatives(_with_own(top or {}, token, logprob))}
        for token, logprob, top in zip(tokens, logprobs, tops, strict=True)
    ]


def added_up(alternatives: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the log-probability of each text, adding up the probabilities of tokens with the same text.

    Tokens that are parts of characters, for example, may all show as U+FFFD.

    >>> added_up([("a", math.log(0.25)), ("a", math.log(0.25))]) == {"a": math.log(0.5)}
    True
    """
    texts: dict[str, float] = {}
    for text, logprob in alternatives:
        texts[text] = _add(texts[text], logprob) if text in texts else logprob
    return texts


def first_parts(alternatives: Iterable[Entry]) -> tuple[Part, ...]:
    """Return the alternatives that are parts of characters, if the server reports their bytes.

    >>> first_parts([{"token": "", "logprob": -0.1, "bytes": [240, 159]}, {"token": "a", "logprob": -3.0}])
    (Part(hex='f09f', logprob=-0.1, id=None),)
    """
    return tuple(
        Part(hex=bytes(one["bytes"]).hex(), logprob=one["logprob"], id=one.get("id"))
        for one in alternatives
        if one.get("bytes") and not is_whole(one["bytes"])
    )


def is_whole(encoded: Sequence[int]) -> bool:
    """Return whether the bytes are valid UTF-8 text."""
    try:
        bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return True


def _with_own(top: Mapping[str, float], token: str, logprob: float | None) -> Mapping[str, float]:
    """Return the alternatives, with the token's own log-probability if that is higher than the one they give it.

    They are listed by their text. Parts of characters all show as U+FFFD, so that the server lists only one of them,
    which may be an unlikely one.
    """
    if logprob is None or token not in top or "\ufffd" not in token:
        return top
    return {**top, token: max(top[token], logprob)}


def _as_alternatives(top: Mapping[str, float]) -> list[Entry]:
    return [{"token": token, "logprob": logprob} for token, logprob in top.items()]


def _first_token(entry: Entry) -> dict[str, float] | None:
    first = added_up((text_of(other), other["logprob"]) for other in entry.get("top_logprobs") or [entry])
    # llama-server leaves out tokens that end inside a character. The first entry then shows the whole character,
    # but its alternatives are those for the character's last token, so they are not used. If the entry shows
    # no text (its token may begin a stop sequence), the alternatives are the first token's.
    shown = text_of(entry)
    is_misplaced = shown and shown not in first
    return None if is_misplaced else first


def text_of(entry: Entry) -> str:
    """Return the text of a token."""
    # llama-server shows part of a character as empty text, just like the end-of-text token. Its bytes tell them apart.
    encoded = entry.get("bytes")
    return bytes(encoded).decode(errors="replace") if encoded else well_formed(str(entry["token"]))


def _add(one: float, other: float) -> float:
    """Return the log of the sum of two probabilities, given as their logs."""
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))
