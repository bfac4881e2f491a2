"""Read the replies that LiteLLM hands on."""

from typing import Any

from cribsheet.models._base import Usage
from cribsheet.models._logprobs import NOTHING_TOLD, TokenLogprobs, as_entries, read_entries, text_of
from cribsheet.models.thinking import Parts, after_thought


def read_thought(reply: Any) -> str | None:
    """Return what the endpoint told apart from the text: "" if it thought without showing it, None if it did not."""
    message = getattr(reply.choices[0], "message", None)
    shown = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    details = getattr(getattr(reply, "usage", None), "completion_tokens_details", None)
    return shown or ("" if getattr(details, "reasoning_tokens", None) else None)


def read_logprobs(choice: Any, parts: Parts) -> TokenLogprobs:
    """Return what is told of the answer's tokens."""
    told = getattr(choice, "logprobs", None)
    if told is None:
        return NOTHING_TOLD
    shape = told if isinstance(told, dict) else told.model_dump()
    # llama-server sends entries from its raw endpoint too, where OpenAI sends columns.
    entries = after_thought(shape.get("content") or as_entries(shape), parts, text_of)
    return read_entries(entries, parts.answer)


def read_usage(reply: Any) -> Usage:
    """Return the tokens that a reply counts."""
    usage = getattr(reply, "usage", None)
    if usage is None:
        return Usage()
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        prompt_tokens=usage.prompt_tokens or 0,
        cached_tokens=getattr(details, "cached_tokens", None),
        completion_tokens=usage.completion_tokens or 0,
    )
