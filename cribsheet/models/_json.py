"""Read the JSON that servers send."""

import json
from typing import Any

_DEEPEST = 32
"""How deep the JSON that is read may be nested. Everything of use here is nested less than half as deep."""


def read_json(body: bytes) -> Any:
    """Return the JSON of a reply, with text that is valid Unicode; bytes that are not UTF-8 become U+FFFD.

    >>> read_json(b'{"content": "a\\\\ud800b", "\\\\ud83d\\\\ude42": [1.5, null]}')
    {'content': 'a\ufffdb', '🙂': [1.5, None]}

    Raises:
        ValueError: the reply is not JSON, or it is nested too deeply.
    """
    try:
        return _cleaned(json.loads(body.decode("utf-8-sig", errors="replace")), depth=0)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def well_formed(text: str) -> str:
    """Return a text in which U+FFFD replaces each surrogate that does not belong to a pair.

    JSON may contain such surrogates, as `"\\ud800"`, but a text with one cannot be stored or printed.

    >>> well_formed("a\\ud800b")
    'a\ufffdb'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _cleaned(value: Any, *, depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [_cleaned(one, depth=depth + 1) for one in value]
    if isinstance(value, dict):
        return {well_formed(name): _cleaned(one, depth=depth + 1) for name, one in value.items()}
    return value
