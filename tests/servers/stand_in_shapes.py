"""Write an answer in the various JSON formats of real servers, both valid and broken ones."""

import json
import math
from collections.abc import Callable
from typing import Any

from recording_server import HANG_UP

Json = dict[str, Any]
Reshape = Callable[[Json], object]
_TEXTS = ("text", "content", "response", "token", "reasoning_content", "thinking")


def shaped(shape: str, path: str, text: str, alternatives: dict[str, float] | None) -> tuple[int, object]:
    """Return the status and body of an answer to a request on this path."""
    if "chat" in path:  # after a chat template, the answer does not begin with a space
        text = text.strip()
        alternatives = alternatives and {token.strip(): logprob for token, logprob in alternatives.items()}
    reply = _ollama(path, text, alternatives) if path.startswith("/api/") else _openai(path, text, alternatives)
    body = SHAPES[shape](reply)
    return (HANG_UP if shape == "hang-up" else 200), body


def _openai(path: str, text: str, alternatives: dict[str, float] | None) -> Json:
    is_chat = "chat" in path
    choice: Json = {"index": 0, "finish_reason": "stop"}
    choice |= {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
    if alternatives:
        choice["logprobs"] = {"content": _entries(alternatives)}
    return {
        "id": "1",
        "object": "chat.completion" if is_chat else "text_completion",
        "created": 1,
        "model": "model",
        "choices": [choice],
        "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
    }


def _ollama(path: str, text: str, alternatives: dict[str, float] | None) -> Json:
    is_chat = path.endswith("chat")
    told = {"logprobs": _entries(alternatives)} if alternatives else {}
    return {
        "model": "model",
        "created_at": "2026-01-01T00:00:00Z",
        **({"message": {"role": "assistant", "content": text}} if is_chat else {"response": text}),
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 7,
        "eval_count": 1,
        **told,
    }


def _entries(alternatives: dict[str, float]) -> list[Json]:
    top = [
        {"token": token, "logprob": logprob, "bytes": list(token.encode())} for token, logprob in alternatives.items()
    ]
    return [{**top[0], "top_logprobs": top}]


def _with_half_a_character(entry: Json) -> Json:
    half = {"token": "\ufffd", "logprob": -2.0, "bytes": list("好".encode()[:2])}
    return {**entry, "top_logprobs": [*entry["top_logprobs"], half]}


def _with(**parts: object) -> Reshape:
    return lambda reply: {**reply, **parts}


def _choice(**parts: object) -> Reshape:
    return lambda reply: {**reply, "choices": [{**reply.get("choices", [{}])[0], **parts}], **parts}


def _content(change: Callable[[str], object]) -> Reshape:
    """Change the text, which a reply holds in one of three places."""

    def reshape(reply: Json) -> object:
        if "response" in reply:
            return {**reply, "response": change(reply["response"])}
        if "message" in reply:
            return {**reply, "message": {**reply["message"], "content": change(reply["message"]["content"])}}
        choice = reply["choices"][0]
        if "text" in choice:
            return {**reply, "choices": [{**choice, "text": change(choice["text"])}]}
        message = {**choice["message"], "content": change(choice["message"]["content"])}
        return {**reply, "choices": [{**choice, "message": message}]}

    return reshape


def _in_chat(change: Callable[[Json], Json]) -> Reshape:
    """Change a chat's choice in OpenAI's format, which holds the message."""

    def reshape(reply: Json) -> object:
        choice = reply.get("choices", [{}])[0]
        return {**reply, "choices": [change(choice)]} if "message" in choice else reply

    return reshape


def _surrogates(reply: Json) -> object:
    """Put half a character before each text and token, as some servers do that cut a text inside of an emoji."""
    if isinstance(reply, dict):
        return {
            name: f"\ud83d{value}" if name in _TEXTS and isinstance(value, str) else _surrogates(value)
            for name, value in reply.items()
            if name != "bytes"
        }
    return [_surrogates(one) for one in reply] if isinstance(reply, list) else reply


def _parts(text: str) -> list[Json]:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    return [thought, {"type": "text", "text": text[:3]}, {"type": "text", "text": text[3:]}]


def _without(*names: str) -> Reshape:
    return lambda reply: {name: value for name, value in reply.items() if name not in names}


def _logprobs(told: object) -> Reshape:
    """Replace the log-probabilities, if any were requested."""

    def reshape(reply: Json) -> object:
        if "logprobs" in reply:  # of Ollama
            return {**reply, "logprobs": told["content"] if isinstance(told, dict) else told}
        return _choice(logprobs=told)(reply) if "logprobs" in reply.get("choices", [{}])[0] else reply

    return reshape


def _columns(**parts: object) -> Reshape:
    """Replace the log-probabilities by lists in the format of OpenAI's first API."""

    def reshape(reply: Json) -> object:
        told = reply.get("choices", [{}])[0].get("logprobs")
        if not told:
            return reply
        (entry,) = told["content"]
        columns = {
            "tokens": [entry["token"]],
            "token_logprobs": [entry["logprob"]],
            "top_logprobs": [{other["token"]: other["logprob"] for other in entry["top_logprobs"]}],
            "text_offset": [0],
        }
        return _choice(logprobs={**columns, **parts})(reply)

    return reshape


def _streamed(reply: Json) -> str:
    """Send the text in two pieces and then the end, as lines of JSON (Ollama) or as events (OpenAI)."""
    if "done" in reply:
        begun = {**reply, "done": False}
        pieces = [_content(lambda text: text[:4])(begun), _content(lambda text: text[4:])(_without("logprobs")(begun))]
        end = _content(lambda text: "")(_without("logprobs")(reply))
        return "\n".join(json.dumps(piece) for piece in (*pieces, end))
    choice, usage = reply["choices"][0], reply["usage"]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    said = [{"delta": {"content": part}} if "message" in choice else {"text": part} for part in (text[:4], text[4:])]
    choices: list[Json] = [
        {**said[0], "logprobs": choice.get("logprobs"), "finish_reason": None},
        {**said[1], "logprobs": None, "finish_reason": choice["finish_reason"]},
    ]
    pieces = [*({"choices": [one]} for one in choices), {"choices": [], "usage": usage}]
    return "".join(f"data: {json.dumps(piece)}\n\n" for piece in pieces) + "data: [DONE]\n\n"


SHAPES: dict[str, Reshape] = {
    # Valid, though unusual: the reply has a text.
    "plain": lambda reply: reply,
    "no-usage": _without("usage", "prompt_eval_count", "eval_count"),
    "null-usage": _with(usage=None, prompt_eval_count=None, eval_count=None),
    "empty-usage": _with(usage={}),
    "negative-usage": _with(usage={"prompt_tokens": -9, "completion_tokens": -1}, prompt_eval_count=-9, eval_count=-1),
    "no-finish": _choice(finish_reason=None, done_reason=None),
    "odd-finish": _choice(finish_reason="eos_token", done_reason="load"),
    "extra": _with(timings={"n": 1}, system_fingerprint=None, provider="us"),
    "columns": _columns(),
    "uneven-columns": _columns(token_logprobs=[]),
    "null-columns": _columns(top_logprobs=[None], token_logprobs=[None]),
    "null-logprobs": _logprobs(None),
    "empty-logprobs": _logprobs({"content": []}),
    "bare-logprobs": _logprobs({"content": [{"token": " positive", "logprob": -0.4}]}),
    "half-characters": _logprobs({"content": [_with_half_a_character(_entries({" positive": -0.4})[0])]}),
    "broken-logprobs": _logprobs({"content": [{"token": None, "logprob": "low", "top_logprobs": [{}]}]}),
    "positive-logprobs": _logprobs({"content": [_entries({" positive": 0.6, " negative": -0.6})[0]]}),
    "impossible-logprobs": _logprobs({"content": [_entries({" positive": -math.inf, " negative": -math.inf})[0]]}),
    "nan-logprobs": _logprobs({"content": [{"token": " positive", "logprob": math.nan, "top_logprobs": []}]}),
    "number-id": _with(id=5, created="2026-01-01", model=None),
    "fraction-usage": _with(usage={"prompt_tokens": 10.5, "completion_tokens": "1", "total_tokens": 11.5}),
    "delta": _in_chat(lambda choice: {"index": 0, "delta": choice["message"], "logprobs": choice.get("logprobs")}),
    "chat-parts": _in_chat(lambda choice: {**choice, "message": {"content": _parts(choice["message"]["content"])}}),
    "listed-reasoning": _in_chat(
        lambda choice: {**choice, "message": {**choice["message"], "reasoning": [{"text": "Hm."}]}}
    ),
    "stream": _streamed,
    # Broken: the reply has no text, or is no answer at all.
    "null-text": _content(lambda text: None),
    "parts": _content(lambda text: [{"type": "text", "text": text}]),
    "number-text": _content(lambda text: 5),
    "no-choices": _without("choices", "response", "message"),
    "empty-choices": _with(choices=[], response=None, message=None),
    "null-choices": _with(choices=None, response=None, message=None),
    "html": lambda reply: "<html><body>Welcome to the router</body></html>",
    "empty": lambda reply: "",
    "cut": lambda reply: json.dumps(reply)[:40],
    "words": lambda reply: "Everything is fine.",
    "error-200": lambda reply: {"error": {"message": "The upstream model is gone", "code": 502}},
    "error-text-200": lambda reply: {"error": "The upstream model is gone"},
    "detail-200": lambda reply: {"object": "error", "message": "The upstream model is gone", "code": 50001},
    "list": lambda reply: [reply],
    "number": lambda reply: 3,
    "null": lambda reply: None,
    "cut-stream": lambda reply: _streamed(reply)[:40],
    "surrogates": _surrogates,
    "not-utf-8": lambda reply: b"\xff\xfe{}",
    "hang-up": lambda reply: "",
}
"""Maps the name of a format to the function that changes a normal reply into it."""

SOUND = tuple(SHAPES)[: list(SHAPES).index("null-text")]
"""The names of the formats that contain a text."""
