"""Read JSON objects from a text: one per line, over several lines, or in an array."""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from cribsheet.dataset.names import plain_name
from cribsheet.errors import DataError
from cribsheet.text import repeated

_MEND = "Write one object per line."
_DEEPEST = 100
_SIGNS = frozenset('{}[]:," ')
"""The characters of JSON outside its texts and numbers."""
_QUOTES = dict.fromkeys("“”„‟«»「」『』‘’", '"')
"""Quotes of other kinds, which word processors write."""
_BLANK = re.compile(r"[\s\ufeff]*")  # concatenated files have byte order marks inside the text


def json_objects(text: str, source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object with the place where it begins, `source, line N`.

    Objects may be written one per line, over several lines, or in an array; blank lines are skipped. Field names are
    normalized by `plain_name`.

    >>> list(json_objects('{"text": "Hm."}', "rows.jsonl"))
    [('rows.jsonl, line 1', {'text': 'Hm.'})]

    Raises:
        DataError: if the text holds something other than objects, or an object has the same name twice.
    """
    at, line, counted = _end_of_blank(text, 0), 1, 0
    is_array = text.startswith("[", at)
    at += is_array
    while (at := _end_of_blank(text, at)) < len(text):
        line, counted = line + text.count("\n", counted, at), at
        where = f"{source}, line {line}"
        if is_array and text[at] == "]":
            at, is_array = at + 1, False
            continue
        value, at = _decoded(text, at, where)
        yield where, value
        at = _after_item(text, at, where) if is_array else at
    if is_array:
        raise DataError(f"{source}: the array of objects is not closed. Close it with ], or copy the file again.")


def _end_of_blank(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _after_item(text: str, at: int, where: str) -> int:
    """Return the position of the array's next item or closing bracket."""
    at = _end_of_blank(text, at)
    if text.startswith(",", at):
        return at + 1
    if at < len(text) and text[at] != "]":
        raise DataError(f"{where}: the object is followed by {text[at : at + 20]!r}. Put a comma between two objects.")
    return at


def _decoded(text: str, at: int, where: str) -> tuple[dict[str, Any], int]:
    """Return the object that begins at a position, and the position where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise DataError(
            f"{where}: not JSON: {error.msg.removesuffix(' at')}, at {place}{_look_alike(text, error.pos)}. Correct it "
            f"there. {_MEND}"
        ) from None
    except _RepeatedError as error:
        raise DataError(f"{where}: {error}. Keep one of the two.") from None
    except RecursionError as error:
        raise DataError(f"{where}: not JSON: {error}. {_MEND}") from None
    except ValueError as error:  # a number with thousands of digits
        raise DataError(
            f"{where}: a number cannot be read: {error}. Put it in quotes, or write a shorter one."
        ) from None
    if not isinstance(value, dict):
        raise DataError(f"{where}: {text[at:end].strip()[:60]!r} is not an object. {_MEND}")
    if is_deeper(value, _DEEPEST):
        raise DataError(
            f"{where}: an object that is nested more than {_DEEPEST} levels deep. Write what is deep inside as a text."
        )
    return _named(value, where), end


def _look_alike(text: str, at: int) -> str:
    """Name a character that looks like one of JSON's own, such as a full-width colon or a curly quote."""
    char = text[at : at + 1]
    meant = _QUOTES.get(char) or unicodedata.normalize("NFKC", char)
    if not char or char.isascii() or meant not in _SIGNS:
        return ""
    return f", where {char!r} ({unicodedata.name(char)}) stands in place of {meant!r}"


class _RepeatedError(ValueError):
    """An object that has a name twice; Python's json would silently use the last value."""


def _checked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = repeated([name for name, _ in pairs])
    if twice is not None:
        raise _RepeatedError(f"an object has {twice!r} twice")
    return dict(pairs)


def is_deeper(value: object, levels: int) -> bool:
    """Tell whether JSON is nested deeper. Python can read such a value, but may fail to write or to show it."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(is_deeper(one, levels - 1) for one in inside)


def _named(value: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a row with normalized field names."""
    named = {plain_name(name): item for name, item in value.items()}
    if len(named) < len(value):
        raise DataError(f"{where}: two of the names {', '.join(map(repr, value))} are the same. Keep one of them.")
    return named


_DECODER = json.JSONDecoder(object_pairs_hook=_checked)
