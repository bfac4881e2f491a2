"""Read the log-probabilities that Ollama sends."""

from collections.abc import Sequence

from cribsheet.models._logprobs import NOTHING_TOLD, Entry, TokenLogprobs, read_entries, sound, text_of
from cribsheet.models.thinking import Parts, after_thought


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
