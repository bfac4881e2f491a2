"""Normalize the names of columns, so that they can be compared."""

import unicodedata
from collections.abc import Collection, Sequence

from cribsheet.text import normal_form


def plain_name(name: object) -> str:
    """Return a column's name in one normal form, without blanks around it and characters that show nothing.

    >>> plain_name(" text "), plain_name("\\u200btext")
    ('text', 'text')
    """
    text = str(name)
    if not text.isascii():
        text = "".join(char for char in normal_form(text) if unicodedata.category(char) != "Cf")
    return text.strip()


def folded(name: str) -> str:
    """Return a name as people read it: case and the width of letters make no difference.

    >>> folded("ｔｅｘｔ"), folded("Text")
    ('text', 'text')
    """
    return unicodedata.normalize("NFKC", name).casefold().strip()


def doubled(names: Sequence[str], columns: Collection[str], mapped: Collection[str]) -> tuple[str, dict[int, str]]:
    """Return a column that the task reads and that is there twice, with the names that are alike by their places.

    Names are alike if they differ in case alone, unless the user mapped one of them. Both are empty if none is.

    >>> doubled(["text", "Text", "label"], {"text", "label"}, ())
    ('text', {1: 'text', 2: 'Text'})
    """
    if len({name.casefold() for name in names}) == len(names):
        return "", {}
    for name in filter(columns.__contains__, names):
        alike = {
            number: other
            for number, other in enumerate(names, 1)
            if other == name or (other.casefold() == name.casefold() and name not in mapped)
        }
        if len(alike) > 1:
            return name, alike
    return "", {}
