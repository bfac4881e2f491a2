"""Find a server's own words in its reply, for error messages."""

import json
from typing import Any

from cribsheet.models._json import well_formed

_SHOWN = 120  # characters of a reply that is shown as it is


def message_of(reply: Any) -> str:
    """Return the message of an error reply, in any of the usual JSON formats.

    >>> message_of({"error": {"message": "out of memory", "code": 500}})
    'out of memory'
    >>> message_of({"detail": [{"loc": ["body", "n"], "msg": "Extra inputs are not permitted"}]})
    'body.n: Extra inputs are not permitted'
    """
    if not isinstance(reply, dict):
        return well_formed(str(reply))
    said = reply.get("error") or reply.get("detail") or reply.get("message") or reply.get("errors") or reply
    if isinstance(said, list) and said:
        said = said[0]
    if isinstance(said, dict):
        place = ".".join(str(part) for part in said.get("loc") or ())
        text = said.get("message") or said.get("msg") or said
        return well_formed(f"{place}: {text}" if place else str(text))
    return well_formed(str(said))


def first_words(reply: Any) -> str:
    """Return the beginning of a reply on one line, in quotes.

    >>> first_words("<html>\\n  <body>")
    "'<html> <body>'"
    """
    text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…")
