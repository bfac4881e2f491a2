"""The contract of a file format."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

GROUP = "group"
"""The optional column that names a row's group: a split keeps the rows of a group together."""


class RawRow(NamedTuple):
    """A row before its values are converted to the signature's types."""

    where: str
    values: dict[str, object]
    is_table: bool = False
    """Whether columns that the task does not read are ignored, as for a CSV file, instead of refused."""
    named_by: Literal["object", "header", "code"] = "object"
    """Where the column names come from: the row's own JSON object, the file's header, or the user's Python code."""


class FileText(NamedTuple):
    """The text of a file, with the columns to look for."""

    text: str
    path: str
    columns: frozenset[str]
    """The columns that the task reads."""
    mapped: frozenset[str] = frozenset()
    """The columns that the user named in a mapping."""


Reader = Callable[[FileText], Iterator[RawRow]]
"""Reads the rows of one format."""
