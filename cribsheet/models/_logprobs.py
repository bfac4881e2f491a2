"""Read log-probabilities as servers send them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cribsheet.models._base import Part

Entry = Mapping[str, Any]
"""What is told of one token: `token`, `logprob`, maybe `bytes`; in `top_logprobs` so of its alternatives."""


class TokenLogprobs(NamedTuple):
    """What a server told about the tokens of a completion."""

    first_token: dict[str, float] | None
    """Log-probability of each reported alternative for the first token."""
    logprobs: tuple[float, ...] | None
    """Log-probability of each token of the text."""
    parts: tuple[Part, ...] = ()
    """Of the first token's alternatives, those that are no text by themselves."""


NOTHING_TOLD = TokenLogprobs(None, None)


def read_entries(entries: Sequence[Entry], text: str) -> TokenLogprobs:
    """Return what the entries of a completion tell about its text.

    >>> entry = {"token": "yes", "logprob": -0.1}
    >>> read_entries([entry | {"top_logprobs": [entry, {"token": "no", "logprob": -2.3}]}], "yes")
    TokenLogprobs(first_token={'yes': -0.1, 'no': -2.3}, logprobs=(-0.1,), parts=())
    """
    if not entries:
        return NOTHING_TOLD
    logprobs, left = [], len(text)
    for entry in entries:
        if left <= 0:  # the rest belongs to a stop sequence, or ends the answer
            break
        logprobs.append(entry["logprob"])
        left -= len(text_of(entry))
    first = _first_token(entries[0])
    return TokenLogprobs(first, tuple(logprobs), first_parts(entries[0].get("top_logprobs") or ()) if first else ())


def sound(told: TokenLogprobs) -> TokenLogprobs:
    """Return what was told, if all of it are numbers; else nothing.

    >>> sound(TokenLogprobs({"yes": math.nan}, None))
    TokenLogprobs(first_token=None, logprobs=None, parts=())
    """
    numbers = [*(told.first_token or {}).values(), *(told.logprobs or ())]
    return NOTHING_TOLD if any(math.isnan(number) for number in numbers) else told


def as_entries(columns: Mapping[str, Any]) -> list[Entry]:
    """Return the entries of what the classic `/v1/completions` of OpenAI and vLLM sends: a list a quantity.

    >>> as_entries({"tokens": ["yes"], "token_logprobs": [-0.1], "top_logprobs": [{"yes": -0.1}]})
    [{'token': 'yes', 'logprob': -0.1, 'top_logprobs': [{'token': 'yes', 'logprob': -0.1}]}]
    """
    tokens, logprobs = columns.get("tokens") or (), columns.get("token_logprobs") or ()
    tops = columns.get("top_logprobs") or [None] * len(tokens)
    return [
        {"token": token, "logprob": logprob, "top_logprobs": _as_alternatives(top or {})}
        for token, logprob, top in zip(tokens, logprobs, tops, strict=True)
    ]


def added_up(alternatives: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the log-probability of each text: of tokens that share one, the probabilities add up.

    Parts of a character do.

    >>> added_up([("a", math.log(0.25)), ("a", math.log(0.25))]) == {"a": math.log(0.5)}
    True
    """
    texts: dict[str, float] = {}
    for text, logprob in alternatives:
        texts[text] = _add(texts[text], logprob) if text in texts else logprob
    return texts


def first_parts(alternatives: Iterable[Entry]) -> tuple[Part, ...]:
    """Return the alternatives that are no text by themselves, if their bytes are told.

    >>> first_parts([{"token": "", "logprob": -0.1, "bytes": [240, 159]}, {"token": "a", "logprob": -3.0}])
    (Part(hex='f09f', logprob=-0.1, id=None),)
    """
    return tuple(
        Part(hex=bytes(one["bytes"]).hex(), logprob=one["logprob"], id=one.get("id"))
        for one in alternatives
        if one.get("bytes") and not is_whole(one["bytes"])
    )


def is_whole(encoded: Sequence[int]) -> bool:
    """Tell whether bytes are text."""
    try:
        bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return True


def _as_alternatives(top: Mapping[str, float]) -> list[Entry]:
    return [{"token": token, "logprob": logprob} for token, logprob in top.items()]


def _first_token(entry: Entry) -> dict[str, float] | None:
    first = added_up((text_of(other), other["logprob"]) for other in entry.get("top_logprobs") or [entry])
    # llama-server leaves out tokens that end inside a character: the first entry then shows the whole
    # character, beside alternatives for the last part of it. If it shows nothing (the token may begin
    # a stop sequence) they are the right ones.
    shown = text_of(entry)
    is_misplaced = shown and shown not in first
    return None if is_misplaced else first


def text_of(entry: Entry) -> str:
    """Return the text of a token."""
    # As text, llama-server shows a part of a character like a token that ends the answer: empty.
    encoded = entry.get("bytes")
    return bytes(encoded).decode(errors="replace") if encoded else str(entry["token"])


def _add(one: float, other: float) -> float:
    """Return the logarithm of the sum of two probabilities, given by theirs."""
    return max(one, other) + math.log1p(math.exp(-abs(one - other)))
