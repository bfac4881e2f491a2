"""Speak the JSON of llama.cpp's server."""

from collections.abc import Mapping, Sequence
from typing import Any

from cribsheet.models._base import Sampling, Usage
from cribsheet.models._logprobs import added_up
from cribsheet.prompts import Prompt

Json = Mapping[str, Any]


def request(prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    """Return the body that asks for a completion."""
    body: dict[str, Any] = sampling.model_dump(include={"max_tokens", "temperature", "seed"})
    body["stop"] = list(prompt.stop)
    if not prompt.is_chat:
        return body | {"prompt": prompt.text, "logprobs": sampling.top_logprobs}
    body["messages"] = [message.model_dump() for message in prompt.messages]
    if sampling.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    return body


def usage_of(reply: Json, *, evaluated: int | None = None) -> Usage:
    """Return the tokens that a reply counts, of which so many were `evaluated` in all if it was not the only one."""
    usage = reply["usage"]
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return Usage(
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=cached if evaluated is None else max(0, usage["prompt_tokens"] - evaluated),
        completion_tokens=usage["completion_tokens"],
    )


def text_of(choice: Json, prompt: Prompt) -> str:
    """Return the text that a choice adds to the prompt."""
    if not prompt.is_chat:
        return str(choice["text"])
    text: str = choice["message"]["content"] or ""
    last = prompt.messages[-1]
    # The engine repeats a turn of the assistant that it was given to go on with.
    return text.removeprefix(last.content) if last.role == "assistant" else text


def tells_first_token(choice: Json) -> bool:
    """Tell whether the first entry is sure to be the first token's.

    An entry tells the alternatives of one token; but of a character that takes several tokens there is
    only the entry of the last, which then has the bytes of all. Tokens of a stop sequence have no entry,
    those that might begin one have an entry without bytes.
    """
    entries = _entries(choice)
    if not entries:
        return False
    shown, others = entries[0]["bytes"], entries[0]["top_logprobs"]
    own = next((other["bytes"] for other in others if other["id"] == entries[0]["id"]), None)
    return own is not None and shown in ([], own) and _is_whole(own)


def alternatives_of(choice: Json) -> dict[str, float] | None:
    """Return the log-probabilities of the first entry's alternatives; tokens of one text are added up."""
    entries = _entries(choice)
    if not entries:
        return None
    alternatives = entries[0]["top_logprobs"]
    return added_up((bytes(other["bytes"]).decode(errors="replace"), other["logprob"]) for other in alternatives)


def logprobs_of(choice: Json, text: str) -> tuple[float, ...] | None:
    """Return the log-probabilities that are told of the text's tokens; None if none is."""
    told: list[float] = []
    left = len(text.encode())
    for entry in _entries(choice):
        if left <= 0:  # what follows belongs to a stop sequence, or ends the answer
            break
        told.append(entry["logprob"])
        left -= len(entry["bytes"])
    return tuple(told) if told or not text else None


def _entries(choice: Json) -> Sequence[Json]:
    return (choice.get("logprobs") or {}).get("content") or ()


def _is_whole(encoded: Sequence[int]) -> bool:
    try:
        bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return True
