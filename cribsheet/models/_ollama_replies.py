"""Read the log-probabilities and token counts that Ollama sends."""

from collections.abc import Sequence

from cribsheet.models._base import Usage
from cribsheet.models._logprobs import NOTHING_TOLD, Entry, TokenLogprobs, read_entries, sound, text_of
from cribsheet.models.thinking import Parts, after_thought


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
    first, said = entries[0]["token"] if entries else "", "".join(entry["token"] for entry in entries)
    if parts.thought is not None:  # the white space after it is not part of the text
        first, said = first.lstrip(), said.lstrip()
    if not (text.startswith(first) or first.startswith(text)):
        return NOTHING_TOLD
    told = sound(read_entries(entries, text))
    return told if said.startswith(text) else told._replace(logprobs=None)
