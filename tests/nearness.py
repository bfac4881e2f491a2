"""Compare what one model tells through two doors."""

import pytest

from cribsheet.models import Completion

NATS = 0.3
"""How far a log-probability may move when its last token is read alone, after a cached prefix."""


def likeliest(completion: Completion, others: Completion | None = None) -> dict[str, float | None]:
    """Return the log-probability of the three likeliest first tokens, of `others` where that is given.

    Half a character has no text that every door spells alike, so such tokens are left out.
    """
    told = {token: value for token, value in (completion.first_token or {}).items() if token.strip("\ufffd")}
    best = sorted(told, key=lambda token: -told[token])[:3]
    source = (others or completion).first_token or {}
    return {token: source.get(token) for token in best}


def tells_the_same(served: Completion, embedded: Completion) -> bool:
    """Tell whether both were asked the same tokens and answer alike."""
    near = likeliest(embedded, served) == pytest.approx(likeliest(embedded), abs=NATS)
    same = served.text == embedded.text and served.usage.prompt_tokens == embedded.usage.prompt_tokens
    return bool(near and same)
