"""Read how long a server asks its clients to wait."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str] | None) -> float:
    """Return the seconds that a reply's headers ask to wait before the next attempt; 0 if they do not say.

    `Retry-After` holds seconds or a date (RFC 9110, section 10.2.3). OpenAI and Azure also send `retry-after-ms`.

    >>> retry_after({"retry-after": "20"}), retry_after({"retry-after": "soon"}), retry_after({"retry-after-ms": "500"})
    (20.0, 0.0, 0.5)
    """
    told = {name.lower(): value for name, value in (headers or {}).items()}
    milliseconds = _number(told.get("retry-after-ms", ""))
    if milliseconds:
        return milliseconds / 1000
    text = told.get("retry-after", "")
    return _number(text) or _until(text)


def _number(text: str) -> float:
    text = text.strip()
    return float(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else 0.0


def _until(date: str) -> float:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0
