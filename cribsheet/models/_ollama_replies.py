"""Read the log-probabilities and token counts that Ollama sends."""

from collections.abc import Sequence
from typing import Any

from cribsheet.models._base import Usage
from cribsheet.models._logprobs import NOTHING_TOLD, Entry, TokenLogprobs, read_entries, sound, text_of
from cribsheet.models._thoughts import Parts, after_thought


def usage_of(prompt_tokens: int | None, completion_tokens: int | None, *, cached_tokens: int | None) -> Usage:
    """Return the token counts of a reply; a count that is missing or negative is 0."""
    return Usage(
        prompt_tokens=max(0, prompt_tokens or 0),
        cached_tokens=cached_tokens,
        completion_tokens=max(0, completion_tokens or 0),
    )


def logprobs_of(entries: Sequence[Entry], parts: Parts) -> TokenLogprobs:
    """Return the log-probabilities of an answer, as far as they belong to its text.

    Ollama leaves out tokens whose text it held back (half a character, the start of a stop sequence),
    so that its first entry may stand for a later token.
    """
    entries, text = after_thought(entries, parts, text_of), parts.answer
    encoded, tokens = text.encode(), [_bytes_of(entry) for entry in entries]
    first, said = tokens[0] if tokens else b"", b"".join(tokens)
    if parts.thought is not None:  # the white space after it is not part of the text
        first, said = first.lstrip(), said.lstrip()
    if not (encoded.startswith(first) or first.startswith(encoded)):
        return NOTHING_TOLD
    told = sound(read_entries(entries, text))
    return told if said.startswith(encoded) else told._replace(logprobs=None)


def with_bytes(entries: Sequence[Entry], reply: Any) -> list[Entry]:
    """Return the entries as Ollama's client read them from a reply, with the bytes of each token, which it drops.

    Ollama writes U+FFFD for each token that is part of a character; only the bytes tell such tokens apart.
    """
    return [
        _with_bytes(entry, raw) for entry, raw in zip(entries, _listed(reply, "logprobs", len(entries)), strict=True)
    ]


def _with_bytes(entry: Entry, raw: Any) -> Entry:
    encoded = raw.get("bytes") if isinstance(raw, dict) else None
    is_sound = isinstance(encoded, list) and all(type(one) is int and 0 <= one < 256 for one in encoded)
    others = entry.get("top_logprobs") or ()
    told = zip(others, _listed(raw, "top_logprobs", len(others)), strict=True)
    return {
        **entry,
        "bytes": encoded if is_sound else None,
        "top_logprobs": [_with_bytes(other, one) for other, one in told],
    }


def _listed(reply: Any, name: str, count: int) -> Sequence[Any]:
    """Return a list in a reply, or as many empty places if there is no such list of this length."""
    listed = reply.get(name) if isinstance(reply, dict) else None
    return listed if isinstance(listed, list) and len(listed) == count else [None] * count


def _bytes_of(entry: Entry) -> bytes:
    return bytes(entry.get("bytes") or str(entry["token"]).encode())
