"""Find a server's own words in its reply, for error messages."""

import json
from typing import Any

from cribsheet.models._json import read_json, well_formed

NO_REASON = "it gave no reason"
_SHOWN = 120  # characters of a reply that is shown as it is


def message_of(reply: Any) -> str:
    """Return the message of an error reply, in any of the usual JSON formats.

    >>> message_of({"error": {"message": "out of memory", "code": 500}})
    'out of memory'
    >>> message_of({"detail": [{"loc": ["body", "n"], "msg": "Extra inputs are not permitted"}]})
    'body.n: Extra inputs are not permitted'
    """
    if isinstance(reply, list) and reply:
        reply = reply[0]
    if not isinstance(reply, dict):
        return well_formed(str(reply))
    said = reply.get("error") or reply.get("detail") or reply.get("message") or reply.get("errors") or reply
    if isinstance(said, list) and said:
        said = said[0]
    if isinstance(said, dict):
        place = said.get("loc")
        text = said.get("message") or said.get("msg") or said
        named = ".".join(map(str, place)) if isinstance(place, list) else ""
        return well_formed(f"{named}: {text}" if named else str(text))
    return well_formed(str(said))


def words_of(body: bytes) -> str:
    """Return what an error reply says, on one line and without a full stop at its end.

    >>> words_of(b'{"error": "out of memory."}'), words_of(b"<h1>Bad\\ngateway</h1>"), words_of(b"")
    ('out of memory', '<h1>Bad gateway</h1>', 'it gave no reason')
    """
    try:
        reply = read_json(body)
    except ValueError:
        reply = body.decode("utf-8", errors="replace")
    is_empty = not (any(reply.values()) if isinstance(reply, dict) else reply)
    said = "" if is_empty else message_of(reply)
    return " ".join(said.split()).rstrip(".") or NO_REASON


def first_words(reply: Any) -> str:
    """Return the beginning of a reply on one line, in quotes.

    >>> first_words("<html>\\n  <body>")
    "'<html> <body>'"
    """
    text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…")
