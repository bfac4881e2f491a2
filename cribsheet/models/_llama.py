"""Convert prompts and completions to and from the JSON of llama.cpp's server."""

import http.client
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cribsheet.models._base import Part, Sampling, Usage
from cribsheet.models._logprobs import added_up, first_parts, is_whole
from cribsheet.models._thoughts import Parts, after_thought, told_apart
from cribsheet.prompts import UNTOLD, Prompt

Json = Mapping[str, Any]

_LAST = 24
"""How many bytes at the end of a prompt hold at least two tokens."""
_OTHER = "\x1f\x1f"  # a text that occurs in no prompt

TEMPLATE_SETTINGS: Json = {"enable_thinking": False}
"""What chat templates are told; a template that does not know a setting ignores it."""


def request(prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    """Return the body that asks for a completion."""
    body: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
        "stop": list(prompt.stop),
    }
    body |= {"grammar": sampling.grammar} if sampling.grammar else {}
    if not prompt.is_chat:
        asked = [prompt.text, *prompt.begun] if prompt.begun else prompt.text
        return body | {"prompt": asked, "logprobs": sampling.top_logprobs}
    body["messages"] = [message.model_dump() for message in prompt.messages]
    body["chat_template_kwargs"] = TEMPLATE_SETTINGS
    if sampling.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    return body


def with_other_end(text: str) -> Prompt:
    """Return a prompt that begins like a text but ends differently: reading it makes an engine forget the text's end.

    >>> with_other_end("Review: a fine film\\nSentiment:").text
    'Review\\x1f\\x1f'
    """
    return Prompt(text=text.encode()[:-_LAST].decode(errors="ignore") + _OTHER)


class Token(NamedTuple):
    """A token of a raw prompt."""

    id: int
    size: int
    """How many bytes of the prompt's text it stands for."""


def tokens_of(reply: Json, prompt: Prompt) -> Sequence[Token]:
    """Return the tokens of a raw prompt, given the reply to its text from `/tokenize`, with pieces."""
    text = [
        Token(one["id"], len(one["piece"].encode() if isinstance(one["piece"], str) else one["piece"]))
        for one in reply["tokens"]
    ]
    size = len(UNTOLD.encode())  # as the prompt's full text shows a token's number
    return [*text, *(Token(piece, size) for piece in prompt.begun if isinstance(piece, int))]


def tokens_before(tokens: Sequence[Token], *, after: int) -> int:
    """Return how many of a text's tokens end before its last `after` bytes; the last token never counts.

    >>> tokens_before([Token(1, 6), Token(2, 1), Token(3, 5)], after=5)
    2
    >>> tokens_before([Token(1, 6), Token(2, 1), Token(3, 5)], after=6)
    1
    """
    count, left = len(tokens), after
    while count and (left > 0 or count == len(tokens)):
        count -= 1
        left -= tokens[count].size
    return count


def post(address: str, path: str, body: Json) -> tuple[int, str]:
    """Send a POST request to a server on this machine; return the status and the text of its response."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def usage_of(reply: Json, *, evaluated: int | None = None) -> Usage:
    """Return the token counts of a reply.

    If several requests were made for one prompt, `evaluated` is the number of tokens that all of them evaluated.
    """
    usage = reply["usage"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return Usage(
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=cached if evaluated is None else max(0, usage["prompt_tokens"] - evaluated),
        completion_tokens=usage["completion_tokens"],
    )


def parts_of(choice: Json, prompt: Prompt) -> Parts:
    """Return the generated text of a choice, and the thought before it."""
    if not prompt.is_chat:
        return told_apart(str(choice["text"]), prompt)
    message, last = choice["message"], prompt.messages[-1]
    text: str = message["content"] or ""
    # If the chat ends with the beginning of an assistant turn, the engine repeats that beginning in its reply.
    text = text.removeprefix(last.content) if last.role == "assistant" else text
    return told_apart(text, prompt, thought=message.get("reasoning_content") or None)


def of_answer(choice: Json, parts: Parts) -> Json:
    """Return the choice with only the answer's log-probabilities, without those of the thought before it."""
    entries = after_thought(_entries(choice), parts, lambda entry: bytes(entry["bytes"]).decode(errors="replace"))
    return {**choice, "logprobs": {"content": entries}}


def half_of(prompt: Prompt) -> Prompt:
    """Return the prompt cut to the first half of its text, or of its last message."""
    if not prompt.is_chat:
        return Prompt(text=prompt.text[: len(prompt.text) // 2])
    *before, last = prompt.messages
    half = last.model_copy(update={"content": last.content[: len(last.content) // 2]})
    return Prompt(messages=(*before, half))


def tells_first_token(choice: Json) -> bool:
    """Return whether the first entry surely belongs to the first token.

    Each entry lists the alternatives for one token. But if a character takes several tokens, there is only one entry
    for them: the last token's, with the bytes of the whole character. Tokens of a stop sequence have no entry. Tokens
    that might begin a stop sequence have an entry without bytes.
    """
    entries = _entries(choice)
    if not entries:
        return False
    shown, others = entries[0]["bytes"], entries[0]["top_logprobs"]
    own = next((other["bytes"] for other in others if other["id"] == entries[0]["id"]), None)
    return own is not None and shown in ([], own) and is_whole(own)


def alternatives_of(choice: Json) -> dict[str, float] | None:
    """Return the log-probabilities of the first entry's alternatives by text; equal texts are added up."""
    entries = _entries(choice)
    if not entries:
        return None
    alternatives = entries[0]["top_logprobs"]
    return added_up((bytes(other["bytes"]).decode(errors="replace"), other["logprob"]) for other in alternatives)


def first_parts_of(choice: Json) -> tuple[Part, ...]:
    """Return the first entry's alternatives that are parts of characters."""
    entries = _entries(choice)
    return first_parts(entries[0]["top_logprobs"]) if entries else ()


def logprobs_of(choice: Json, text: str) -> tuple[float, ...] | None:
    """Return the log-probabilities of the text's tokens; None if the reply has none."""
    told: list[float] = []
    left = len(text.encode())
    for entry in _entries(choice):
        if left <= 0:  # the remaining entries belong to a stop sequence or to the end-of-text token
            break
        told.append(entry["logprob"])
        left -= len(entry["bytes"])
    return tuple(told) if told or not text else None


def _entries(choice: Json) -> Sequence[Json]:
    return (choice.get("logprobs") or {}).get("content") or ()
