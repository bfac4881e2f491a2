"""Bring the replies of OpenAI-compatible servers into the one form that LiteLLM reads."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from cribsheet.models._json import read_json
from cribsheet.models._logprobs import as_entries
from cribsheet.models._server_messages import first_words, message_of
from cribsheet.models._streamed import put_together

_ERRORS = ("error", "detail", "message", "errors")
_STATUSES = range(400, 600)


class UnreadableReply(Exception):
    """Raised for a reply with a status of success that holds no completion."""


class ErrorReply(UnreadableReply):
    """Raised for a reply with a status of success that holds an error message."""

    def __init__(self, words: str, *, status: int | None) -> None:
        super().__init__(words)
        self.status = status
        """The HTTP status that the message gives as its code; None if it gives none."""


def readable(path: str, body: bytes) -> bytes:
    """Return the reply to a request on a path as LiteLLM reads it; see `rebuilt` for what it raises."""
    return json.dumps(rebuilt(json_object(body), is_chat=path.endswith("/chat/completions"))).encode()


def rebuilt(reply: Mapping[str, Any], *, is_chat: bool) -> dict[str, Any]:
    """Return a reply that is rebuilt from the parts that are of use and well-formed.

    Servers send texts as lists of parts, numbers as texts, log-probabilities in several forms. LiteLLM reads only some
    of these, and its message about another one describes LiteLLM's own code.

    Raises:
        ErrorReply: it is an error message.
        UnreadableReply: it holds no completion for another reason.
    """
    choice = _choice(reply)
    text, thought = _written(choice)
    if text is None:
        raise UnreadableReply(f"its reply holds no text: {first_words(reply)}")
    message = {"role": "assistant", "content": text, **({"reasoning_content": thought} if thought else {})}
    finish = choice.get("finish_reason")
    entries = _entries(choice.get("logprobs"))
    only: dict[str, Any] = {
        "index": 0,
        "finish_reason": finish if isinstance(finish, str) else "stop",
        **({"message": message} if is_chat else {"text": text}),
        "logprobs": {"content": entries} if entries else None,
    }
    kind = "chat.completion" if is_chat else "text_completion"
    whole = {"id": "reply", "object": kind, "created": 0, "model": "model", "choices": [only]}
    usage = counts_in(reply.get("usage"))
    return whole | ({"usage": usage} if usage else {})


def json_object(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a reply.

    Raises:
        UnreadableReply: it is something else.
    """
    shown = body.decode(errors="replace").strip()
    if not shown:
        raise UnreadableReply("its reply is empty")
    try:
        reply = read_json(body)
    except ValueError:
        if whole := put_together(shown):
            return whole
        if shown.startswith(("data:", "event:")):
            raise UnreadableReply(f"it streams its reply, and not to the end: {first_words(shown)}") from None
        what = "a web page" if shown.startswith("<") else "no JSON"
        raise UnreadableReply(f"its reply is {what}: {first_words(shown)}") from None
    if not isinstance(reply, Mapping):
        raise UnreadableReply(f"its reply is no JSON object: {first_words(reply)}")
    return reply


def _choice(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first completion of a reply."""
    choices = reply.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(choice, Mapping) and not choice.get("error"):
        return choice
    failed = choice if isinstance(choice, Mapping) else reply
    if any(failed.get(name) for name in _ERRORS):
        raise ErrorReply(message_of(failed), status=_status(failed))
    raise UnreadableReply(f"its reply holds no completion: {first_words(reply)}")


def _status(failed: Mapping[str, Any]) -> int | None:
    error = failed.get("error")
    codes = [one.get(name) for one in (error, failed) if isinstance(one, Mapping) for name in ("code", "status")]
    return next((code for told in codes if (code := count_of(told)) in _STATUSES), None)


def _written(choice: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the text of a completion, None if it has none, and the thought that stands beside it."""
    message = next((one for name in ("message", "delta") if isinstance(one := choice.get(name), Mapping)), None)
    if message is None:
        return (_text(choice["text"]) if "text" in choice else None), ""
    content = message.get("content", choice.get("text", ""))
    thoughts = [message.get("reasoning_content") or message.get("reasoning"), *_thoughts(content)]
    return _text(content), "\n".join(filter(None, map(_text, thoughts)))


def _text(content: Any) -> str | None:
    """Return a text that may be sent as a list of parts; "" if it is null, None if it is nothing of the kind."""
    if isinstance(content, Mapping):
        return "" if _is_thought(content) else _text(content.get("text", content.get("content")))
    if isinstance(content, list):
        return "".join(filter(None, map(_text, content)))
    if isinstance(content, bool):
        return None
    return "" if content is None else str(content)


def _thoughts(content: Any) -> Sequence[Any]:
    """Return the thoughts among the parts of a text, as Mistral sends them."""
    parts = content if isinstance(content, list) else ()
    return [part.get("thinking", part.get("text")) for part in parts if isinstance(part, Mapping) and _is_thought(part)]


def _is_thought(part: Mapping[str, Any]) -> bool:
    return part.get("type") in ("thinking", "reasoning")


def _entries(told: Any) -> list[dict[str, Any]] | None:
    """Return the log-probabilities as one entry for each token; None if they cannot be read."""
    try:
        entries = told if isinstance(told, list) else told.get("content") or as_entries(told)
        return [_entry(one) | {"top_logprobs": [_entry(other) for other in _alternatives(one)]} for one in entries]
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return None


def _alternatives(entry: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    told = entry.get("top_logprobs") or ()
    if isinstance(told, Mapping):
        return [{"token": token, "logprob": logprob} for token, logprob in told.items()]
    return list(told)


def _entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry["token"] is None:
        raise ValueError("a token without a text")
    try:
        encoded = list(bytes(entry.get("bytes") or ()))
    except (TypeError, ValueError):
        encoded = []
    if isinstance(entry["logprob"], (str, bool)):
        raise TypeError(f"{entry['logprob']!r} in place of a log-probability")
    return {"token": str(entry["token"]), "logprob": float(entry["logprob"]), "bytes": encoded or None}


def counts_in(told: Any) -> dict[str, Any]:
    """Return the token counts of a reply's `usage` as LiteLLM reads them; empty if there are none."""
    if not isinstance(told, Mapping) or not count_of(told.get("prompt_tokens")):
        return {}
    read, written = count_of(told["prompt_tokens"]), count_of(told.get("completion_tokens"))
    usage: dict[str, Any] = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    for details, name in (
        ("prompt_tokens_details", "cached_tokens"),
        ("completion_tokens_details", "reasoning_tokens"),
    ):
        nested = told.get(details)
        if isinstance(nested, Mapping) and nested.get(name) is not None:
            usage[details] = {name: count_of(nested[name])}
    return usage


def count_of(told: Any) -> int:
    """Return a count, which some servers send as a fraction or a text; 0 if it is none."""
    try:
        number = float(told)
    except (TypeError, ValueError, OverflowError):
        return 0
    return max(0, math.ceil(number)) if math.isfinite(number) else 0
