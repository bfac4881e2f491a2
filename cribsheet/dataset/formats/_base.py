"""The contract of a file format."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

GROUP = "group"
"""The optional column that names what rows share, so that a split keeps them together."""


class RawRow(NamedTuple):
    """A row before it is typed."""

    where: str
    values: dict[str, object]
    is_table: bool = False
    """Whether columns that the task does not need are normal, as they are in a CSV."""
    named_by: Literal["object", "header", "code"] = "object"
    """Where the names of its columns come from: itself, the first line of the file, the user's code."""


class FileText(NamedTuple):
    """The text of a file, and what is looked for in it."""

    text: str
    path: str
    columns: frozenset[str]
    """The columns that the task reads."""
    mapped: frozenset[str] = frozenset()
    """Those of them that the user named."""


Reader = Callable[[FileText], Iterator[RawRow]]
"""Reads the rows of one format."""
