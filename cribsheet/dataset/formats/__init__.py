"""The file formats that rows can be read from."""

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
"""The reader for each file extension."""

__all__ = ["GROUP", "READERS", "FileText", "RawRow", "Reader"]
