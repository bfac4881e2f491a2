"""What a label's whole text is worth to a model, worked out token by token over the engine's own API."""

import codecs
import heapq
import json
import math
import urllib.request
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

from cribsheet.models.embedded import EmbeddedModel

Told = Sequence[tuple[int, bytes, float]]
"""Of each alternative, its number, its bytes and its natural log-probability."""

ALTERNATIVES = 1000
MOST_EXPANDED = 60
SHORTEST = 1e-9  # what is less likely is not looked into
SHORT = 4  # letters: of longer labels, not every mixture of cases is tried


class Worth(NamedTuple):
    """How likely an answer is to begin with each label."""

    shares: dict[str, float]
    """By label, what is sure."""
    open: float
    """What might still go to some label."""


def tell(model: EmbeddedModel, text: str, tokens: Sequence[int]) -> Told:
    """Return what may come after a text and some tokens."""
    body = {
        "prompt": [text, *tokens] if tokens else text,
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": ALTERNATIVES,
        "logit_bias": [["a", 1000.0]],  # a token that is whole, or nothing would be told
    }
    request = urllib.request.Request(
        f"{model.address}/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        (entry,) = json.load(response)["choices"][0]["logprobs"]["content"]
    return [(one["id"], bytes(one["bytes"]), one["logprob"]) for one in entry["top_logprobs"]]


def worth(labels: Sequence[str], told: Callable[[Sequence[int]], Told], *, most: int = MOST_EXPANDED) -> Worth:
    """Return what each label is worth, the likeliest beginnings first, until no other label could be the likeliest.

    At most `most` beginnings are followed.
    """
    shares = dict.fromkeys(labels, 0.0)
    beginnings: list[tuple[float, tuple[int, ...], bytes]] = [(-1.0, (), b"")]
    for _ in range(most):
        if not beginnings or _is_settled(shares, -math.fsum(mass for mass, _, _ in beginnings)):
            break
        mass, tokens, said = heapq.heappop(beginnings)
        for token, data, logprob in told(tokens):
            share = -mass * math.exp(logprob)
            is_end = not data or b"\n" in data
            text = said + data.partition(b"\n")[0]
            if not is_end and share > SHORTEST and any(_begins(text, label) for label in labels):
                heapq.heappush(beginnings, (-share, (*tokens, token), text))
            elif (label := _label_of(text, labels) or (is_end and _short_for(text, labels)) or None) is not None:
                shares[label] += share
    return Worth(shares, -math.fsum(mass for mass, _, _ in beginnings))


def _is_settled(shares: dict[str, float], left: float) -> bool:
    *_, second, best = sorted([0.0, *shares.values()])
    return (best > 0 and left < 0.001 * best) or best - second > left


@cache
def _spellings(label: str) -> set[str]:
    if len(label) <= SHORT:
        return {"".join(letters) for letters in product(*((one.lower(), one.upper()) for one in label))}
    return {label, label.lower(), label.upper(), label.title(), label.capitalize()}


def _begins(text: bytes, label: str) -> bool:
    """Tell whether a text may become a label, but is none yet."""
    start = text.lstrip(b" ")
    return any(len(one.encode()) > len(start) and one.encode().startswith(start) for one in _spellings(label))


def _label_of(text: bytes, labels: Sequence[str]) -> str | None:
    """Return the longest label that a text starts with, in its own case if several have the same letters."""
    start = codecs.getincrementaldecoder("utf-8")("replace").decode(text).strip(" ")  # half a character may follow
    found = [label for label in labels if any(_starts_with(start, one) for one in _spellings(label))]
    return max(found, key=lambda label: (len(label), start.startswith(label)), default=None)


def _short_for(text: bytes, labels: Sequence[str]) -> str | None:
    """Return the only label that a text of three letters or more begins, as an answer may be short for it."""
    start = text.decode(errors="replace").strip(" ")
    found = [label for label in labels if any(one.startswith(start) for one in _spellings(label))]
    is_enough = len(start) >= 3 and start.replace(" ", "").isalpha()
    return found[0] if is_enough and len(found) == 1 else None


def _starts_with(start: str, label: str) -> bool:
    after = start[len(label) : len(label) + 1]
    joined = label[-1].isascii() and label[-1].isalnum() and after.isascii() and after.isalnum()
    return start.startswith(label) and not (after and joined)
