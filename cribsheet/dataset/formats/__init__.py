"""The formats of files of rows."""

from cribsheet.dataset.formats._base import GROUP, FileText, RawRow, Reader
from cribsheet.dataset.formats.objects import read_objects
from cribsheet.dataset.formats.tables import read_table

READERS: dict[str, Reader] = {
    ".jsonl": read_objects,
    ".ndjson": read_objects,
    ".json": read_objects,
    ".csv": read_table,
    ".tsv": read_table,
}
"""By the file's ending, what reads its text."""

__all__ = ["GROUP", "READERS", "FileText", "RawRow", "Reader"]
