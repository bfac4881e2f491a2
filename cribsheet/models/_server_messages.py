"""Find a server's own words in its reply, for error messages."""

import json
from typing import Any

from cribsheet.models._json import read_json, well_formed

NO_REASON = "it gave no reason"
"""What error messages say if an error reply says nothing."""
_SHOWN = 120  # characters of a reply that is shown as it is
_PLACES = ("error", "detail", "message", "msg", "errors")
_MOST = 20_000  # characters of an error message that are read; LiteLLM takes minutes for one of 10**6
_LONGEST = 300  # characters of an error message that are shown


def message_of(reply: Any) -> str:
    """Return the message of an error reply, in any of the usual JSON formats.

    >>> message_of({"error": {"message": "out of memory", "code": 500}})
    'out of memory'
    >>> message_of({"detail": [{"loc": ["body", "n"], "msg": "Extra inputs are not permitted"}]})
    'body.n: Extra inputs are not permitted'
    """
    if isinstance(reply, list) and reply:
        return message_of(reply[0])
    if not isinstance(reply, dict):
        return "" if reply is None else well_formed(str(reply)[:_MOST])
    said = next((reply[name] for name in _PLACES if reply.get(name)), reply if any(reply.values()) else "")
    if isinstance(said, list) and said:
        said = said[0]
    if isinstance(said, dict):
        place = ".".join(str(part) for part in said.get("loc") or ())
        text = said.get("message") or said.get("msg") or said
        return well_formed((f"{place}: {text}" if place else str(text))[:_MOST])
    return well_formed(str(said)[:_MOST])


def error_words(body: bytes) -> str:
    """Return all that the body of an error reply says, whatever the body is; empty if it says nothing.

    >>> error_words(b'{"error": "out of memory"}'), error_words(b"Bad gateway"), error_words(b"null")
    ('out of memory', 'Bad gateway', '')
    """
    try:
        return message_of(read_json(body)).strip()
    except ValueError:
        return well_formed(body.decode("utf-8-sig", errors="replace")[:_MOST]).strip()


def reason_in(words: str) -> str:
    """Return what an error says, short and on one line, without a full stop; never empty.

    >>> reason_in("out of\\n memory."), reason_in("")
    ('out of memory', 'it gave no reason')
    """
    shown = "".join(one if one.isprintable() else " " for one in words[: 2 * _LONGEST])
    return " ".join(shown.split())[:_LONGEST].rstrip(". ") or NO_REASON


def first_words(reply: Any) -> str:
    """Return the beginning of a reply on one line, in quotes.

    >>> first_words("<html>\\n  <body>")
    "'<html> <body>'"
    """
    text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…")
