"""The names of columns, as they are compared."""

from cribsheet.text import normal_form


def plain_name(name: object) -> str:
    """Return a column's name in one normal form, without blanks and byte order marks around it.

    >>> plain_name(" text ")
    'text'
    """
    return normal_form(str(name)).strip().strip("\ufeff").strip()
