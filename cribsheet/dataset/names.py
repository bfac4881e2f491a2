"""Normalize the names of columns, so that they can be compared."""

from cribsheet.text import normal_form


def plain_name(name: object) -> str:
    """Return a column's name in Unicode's normal form, without surrounding white space and byte order marks.

    >>> plain_name(" text ")
    'text'
    """
    return normal_form(str(name)).strip().strip("\ufeff").strip()
