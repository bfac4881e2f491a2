"""Put a streamed reply together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cribsheet.models._json import read_json

_TEXTS = ("content", "reasoning_content", "reasoning", "thinking", "text", "response")
"""The names of the texts that come in pieces."""


def put_together(text: str) -> dict[str, Any] | None:
    """Return the one reply that a stream of events (OpenAI) or of lines (Ollama) holds.

    Return None if it is no stream, or if the stream has no end, so that pieces of the text may be missing. Some
    servers and proxies stream although the request does not ask for it.

    >>> put_together('{"response": "po", "done": false}\\n{"response": "sitive", "done": true}')
    {'response': 'positive', 'done': True}
    """
    lines = [line.removeprefix("data:").strip() for line in text.splitlines()]
    pieces = [line for line in lines if line.startswith("{")]
    if len(pieces) < 2 and not text.startswith(("data:", "event:")):
        return None
    try:
        read = [read_json(piece.encode()) for piece in pieces]
    except ValueError:
        return None
    whole = _joined(read) if read else {}
    has_end = "[DONE]" in lines or bool(whole.get("done")) or _is_finished(whole.get("choices"))
    return whole if read and has_end else None


def _is_finished(choices: Any) -> bool:
    return bool(isinstance(choices, list) and choices and choices[0].get("finish_reason"))


def _joined(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the first piece, with what the others add to it."""
    whole = dict(pieces[0])
    for piece in pieces[1:]:
        for name, value in piece.items():
            whole[name] = _added(name, whole.get(name), value)
    return whole


def _added(name: str, former: Any, value: Any) -> Any:
    if value is None or former is None:
        return former if value is None else value
    if name in _TEXTS and isinstance(value, str) and isinstance(former, str):
        return former + value
    if name == "choices" and isinstance(value, list) and isinstance(former, list):
        return [_joined(_mappings([*former[:1], *value[:1]]))] if former and value else former or value
    if isinstance(value, Mapping) and isinstance(former, Mapping):
        return _joined([former, value])
    if isinstance(value, list) and isinstance(former, list):
        return former + value
    return value


def _mappings(values: Iterable[Any]) -> list[Mapping[str, Any]]:
    return [value for value in values if isinstance(value, Mapping)] or [{}]
