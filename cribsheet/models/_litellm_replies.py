"""Read LiteLLM's replies, which differ in shape from server to server."""

from typing import Any

from cribsheet.models._base import Completion, Usage
from cribsheet.models._estimate import estimated_usage
from cribsheet.models._json import well_formed
from cribsheet.models._litellm_errors import Place
from cribsheet.models._logprobs import ABOVE_0, NOTHING_TOLD, TokenLogprobs, as_entries, read_entries, sound, text_of
from cribsheet.models._stops import cut_at_stop
from cribsheet.models._thoughts import Parts, after_thought, told_apart
from cribsheet.prompts import Prompt


def completion_of(reply: Any, prompt: Prompt, place: Place, *, most: int, tells: bool) -> Completion:
    """Return the completion that a reply holds, with the thought and what follows a stop taken off.

    `most` is the number of tokens that it may have. `tells` says whether log-probabilities were asked for.

    Raises:
        ModelError: the reply holds no completion.
        ContextOverflowError: the completion was cut off, though it is shorter than allowed.
    """
    text = completion_text(reply, prompt)
    if text is None:
        raise place.not_openai("its reply holds no completion")
    parts = told_apart(text, prompt, thought=thought_of(reply))
    parts = parts._replace(answer=cut_at_stop(parts.answer, prompt.stop))
    usage = _usage(reply) or estimated_usage(prompt, text)
    is_cut = reply.choices[0].finish_reason == "length"
    if is_cut and parts.thought is None and 0 < usage.completion_tokens < most:
        raise place.overflow("the completion was cut at the end of the window")
    told = _logprobs(reply, parts) if tells else NOTHING_TOLD
    return Completion(
        text=parts.answer,
        thought=parts.thought,
        finish_reason="length" if is_cut else "stop",
        first_token=told.first_token,
        parts=told.parts,
        logprobs=told.logprobs,
        usage=usage,
        refused=(ABOVE_0,) if told.is_above_0 else (),
    )


def completion_text(reply: Any, prompt: Prompt) -> str | None:
    """Return the generated text of a reply; None if the reply holds no completion."""
    choice = next(iter(getattr(reply, "choices", None) or ()), None)
    if not prompt.is_chat:
        text = getattr(choice, "text", None)
        return well_formed(text) if isinstance(text, str) else None
    message = getattr(choice, "message", None)
    if message is None:
        return None
    content = _joined(getattr(message, "content", None))
    last = prompt.messages[-1]
    # If the chat ends with the beginning of an assistant turn, llama-server repeats that beginning in its reply.
    return content.removeprefix(last.content) if content and last.role == "assistant" else content


def thought_of(reply: Any) -> str | None:
    """Return the thought that the endpoint reports beside the text.

    Returns "" if the model thought but the endpoint hides the thought, and None if it did not think.
    """
    message = getattr(next(iter(getattr(reply, "choices", None) or ()), None), "message", None)
    shown = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    details = getattr(getattr(reply, "usage", None), "completion_tokens_details", None)
    hidden = "" if getattr(details, "reasoning_tokens", None) else None
    return well_formed(shown) if isinstance(shown, str) and shown else hidden


def _logprobs(reply: Any, parts: Parts) -> TokenLogprobs:
    """Return the log-probabilities of an answer; `NOTHING_TOLD` if the reply has none that can be read."""
    told = getattr(reply.choices[0], "logprobs", None)
    if told is None:
        return NOTHING_TOLD
    try:
        shape = told if isinstance(told, dict) else told.model_dump()
        # OpenAI's raw endpoint sends one list per quantity; llama-server's sends one entry per token, as for chats.
        entries = after_thought(shape.get("content") or as_entries(shape), parts, text_of)
        return sound(read_entries(entries, parts.answer))
    except (AttributeError, KeyError, TypeError, ValueError):
        return NOTHING_TOLD


def _usage(reply: Any) -> Usage | None:
    """Return the token counts of a reply; None if it has none."""
    usage = getattr(reply, "usage", None)
    prompt_tokens = _count(getattr(usage, "prompt_tokens", None))
    if not prompt_tokens:
        return None
    details = getattr(usage, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None)
    return Usage(
        prompt_tokens=prompt_tokens,
        cached_tokens=None if cached is None else min(_count(cached), prompt_tokens),
        completion_tokens=_count(getattr(usage, "completion_tokens", None)),
    )


def _joined(content: Any) -> str | None:
    """Return a message's text, which some servers send as a list of parts; "" if empty, None if not readable."""
    if isinstance(content, list):
        parts = [part.get("text", "") if isinstance(part, dict) else part for part in content]
        return well_formed("".join(parts)) if all(isinstance(part, str) for part in parts) else None
    return well_formed(content) if isinstance(content, str) else "" if content is None else None


def _count(number: Any) -> int:
    return max(0, number) if isinstance(number, int) else 0
