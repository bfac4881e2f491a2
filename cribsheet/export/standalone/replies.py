"""Read what servers answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cribsheet.models import Completion, Usage
from cribsheet.models._estimate import estimated_usage
from cribsheet.models._llama import alternatives_of, first_parts_of, of_answer, parts_of
from cribsheet.models._llama import logprobs_of as llama_logprobs_of
from cribsheet.models._logprobs import NOTHING_TOLD, TokenLogprobs, read_entries, sound, text_of
from cribsheet.models._ollama_replies import logprobs_of, usage_of
from cribsheet.models._openai_replies import count_of, counts_in
from cribsheet.models._stops import cut_at_stop
from cribsheet.models._thoughts import Parts, after_thought, told_apart
from cribsheet.prompts import Prompt

Json = Mapping[str, Any]


def read_ollama(reply: Json, prompt: Prompt) -> Completion:
    """Return the completion in a reply of Ollama's own API; KeyError or TypeError if there is none."""
    said = reply["message"] if prompt.is_chat else reply
    written = _as_text((said.get("content") if prompt.is_chat else said["response"]) or "")
    parts = told_apart(written, prompt, thought=said.get("thinking") or None)
    text = cut_at_stop(parts.answer, prompt.stop)
    told = _readable(lambda: _numeric(logprobs_of(reply.get("logprobs") or (), parts)))
    cached = reply.get("prompt_eval_cached_count")
    usage = usage_of(
        count_of(reply.get("prompt_eval_count")),
        count_of(reply.get("eval_count")),
        cached_tokens=None if cached is None else count_of(cached),
    )
    return Completion(
        text=text,
        thought=parts.thought,
        finish_reason="length" if reply.get("done_reason") == "length" else "stop",
        first_token=told.first_token,
        parts=told.parts,
        logprobs=told.logprobs if text == parts.answer else None,
        usage=usage if usage.prompt_tokens else estimated_usage(prompt, text),
    )


def read_openai(reply: Json, prompt: Prompt) -> Completion:
    """Return the completion in a reply of an OpenAI-compatible server, as `rebuilt` returns it."""
    choice = reply["choices"][0]
    text = _text_of(choice, prompt)
    parts = told_apart(text, prompt, thought=_thought_of(reply, choice))
    parts = parts._replace(answer=cut_at_stop(parts.answer, prompt.stop))
    told = _told(choice.get("logprobs"), parts)
    return Completion(
        text=parts.answer,
        thought=parts.thought,
        finish_reason=_finish(choice),
        first_token=told.first_token,
        parts=told.parts,
        logprobs=told.logprobs,
        usage=_usage_of(reply) or estimated_usage(prompt, text),
    )


def tells_token_ids(reply: Json) -> bool:
    """Tell whether a reply has the log-probabilities of llama-server, with the numbers and bytes of tokens."""
    content = (reply["choices"][0].get("logprobs") or {}).get("content") or ()
    alternatives = content[0].get("top_logprobs") or () if content else ()
    return bool(alternatives) and all("id" in one and "bytes" in one for one in alternatives)


def read_llama(reply: Json, prompt: Prompt, *, telling: Json | None = None) -> Completion:
    """Return the completion in a reply of llama-server, to the byte, as the embedded engine gives it.

    `telling` is a choice that tells the first token, if the reply's own does not.
    """
    choice = reply["choices"][0]
    parts = parts_of(choice, prompt)
    own = of_answer(choice, parts)
    told = _readable(lambda: sound(_told_by_llama(telling or own, own, parts.answer)))
    return Completion(
        text=parts.answer,
        thought=parts.thought,
        finish_reason=_finish(choice),
        first_token=told.first_token,
        parts=told.parts,
        may_go_on=True,
        logprobs=told.logprobs,
        usage=_usage_of(reply) or estimated_usage(prompt, parts.answer),
    )


def _text_of(choice: Json, prompt: Prompt) -> str:
    if not prompt.is_chat:
        return _as_text(choice["text"])
    text, last = _as_text(choice["message"]["content"]), prompt.messages[-1]
    # llama-server repeats a turn of the assistant that it was given to go on with.
    return text.removeprefix(last.content) if last.role == "assistant" else text


def _as_text(said: object) -> str:
    if not isinstance(said, str):
        raise TypeError(f"{said!r} in place of a text")
    return said


def _thought_of(reply: Json, choice: Json) -> str | None:
    """Return what the server told apart from the text: "" if it thought without showing it, None if it did not."""
    message = choice.get("message") or {}
    details = (reply.get("usage") or {}).get("completion_tokens_details") or {}
    hidden = "" if details.get("reasoning_tokens") else None
    return message.get("reasoning_content") or hidden


def _told(logprobs: Any, parts: Parts) -> TokenLogprobs:
    def read() -> TokenLogprobs:
        return sound(read_entries(after_thought(logprobs["content"], parts, text_of), parts.answer))

    return _readable(read) if isinstance(logprobs, dict) else NOTHING_TOLD


def _told_by_llama(telling: Json, own: Json, text: str) -> TokenLogprobs:
    return _numeric(
        TokenLogprobs(alternatives_of(telling), llama_logprobs_of(own, text), parts=first_parts_of(telling))
    )


def _numeric(told: TokenLogprobs) -> TokenLogprobs:
    """Return the log-probabilities; TypeError if one is no number, OverflowError if it has hundreds of digits."""
    for logprob in (*(told.first_token or {}).values(), *(told.logprobs or ())):
        if isinstance(logprob, bool):  # Python counts with it as with 0 or 1
            raise TypeError(f"{logprob!r} in place of a log-probability")
        float(logprob)
    return told


def _readable(read: Callable[[], TokenLogprobs]) -> TokenLogprobs:
    """Return the log-probabilities; none if what the server sent is none that can be read."""
    try:
        return read()
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return NOTHING_TOLD


def _finish(choice: Json) -> Any:
    return "length" if choice.get("finish_reason") == "length" else "stop"


def _usage_of(reply: Json) -> Usage | None:
    usage = counts_in(reply.get("usage"))
    if not usage:
        return None
    return Usage(
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=usage.get("prompt_tokens_details", {}).get("cached_tokens"),
        completion_tokens=usage["completion_tokens"],
    )
