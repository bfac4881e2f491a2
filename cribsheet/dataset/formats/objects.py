"""Read rows from files of JSON objects, SQuAD's format included."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from cribsheet.dataset.formats._base import FileText, RawRow
from cribsheet.dataset.formats.squad import is_squad, read_squad
from cribsheet.dataset.jsonl import json_objects
from cribsheet.errors import DataError


def read_objects(file: FileText) -> Iterator[RawRow]:
    """Yield each object as a row; if the file is one object with a list named `data`, yield that list's rows.

    Raises:
        DataError: if the file cannot be read as JSON objects.
    """
    objects = json_objects(file.text, file.path)
    start = list(islice(objects, 2))
    data = start[0][1].get("data") if len(start) == 1 else None
    if isinstance(data, list) and "data" not in file.columns:
        if is_squad(data):
            yield from read_squad(start[0][1], file.path)
            return
        start, objects = [], _items(data, file.path)
    for where, values in chain(start, objects):
        yield RawRow(where, values)


def _items(data: list[Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, item in enumerate(data, 1):
        if not isinstance(item, dict):
            raise DataError(
                f"{path}, row {number} of 'data': {str(item)[:60]!r} is not an object. Write each row as an object."
            )
        yield f"{path}, row {number} of 'data'", item
