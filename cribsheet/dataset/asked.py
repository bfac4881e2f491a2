"""Read the rows that a program is asked to answer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from cribsheet.dataset.jsonl import json_objects
from cribsheet.dataset.jsonl_files import read_text
from cribsheet.errors import DataError
from cribsheet.outcomes import texts_in
from cribsheet.signature import Field
from cribsheet.text import check_characters, shortened

ERROR = "error"
"""The field of an answered row that says why it has no outputs."""

Row = dict[str, Any]


def asked_rows(source: str | os.PathLike[str], inputs: Sequence[Field]) -> list[Row]:
    """Return the rows of a file of JSON objects; a row may have further fields than the inputs.

    Raises:
        DataError: if a row cannot be answered, or cannot be written again as JSON; the message names the line.
    """
    rows = list(_checked(source, inputs))
    if not rows:
        raise DataError(f"{os.fspath(source)} has no rows. Write one JSON object per line.")
    return rows


def error_name(rows: Iterable[Mapping[str, Any]], outputs: Iterable[str]) -> str:
    """Return the field that says why a row has no outputs: `error`, unless a row or the program has such a field.

    >>> error_name([{"text": "Hm."}], ["mood"]), error_name([{"error": "E404"}], ["mood"])
    ('error', 'error_2')
    """
    taken = {name for row in rows for name in row}.union(outputs)
    return next(name for name in _names() if name not in taken)


def check_inputs(where: str, row: Mapping[str, object], inputs: Iterable[Field]) -> None:
    """Raise DataError if a row's inputs are not of their types, or have a character that no prompt can hold."""
    try:
        for field in inputs:
            value = field.coerce(row.get(field.name, field.default))
            for text in texts_in(value):
                check_characters(field.name, text)
    except ValueError as error:
        raise DataError(f"{where}: {error}. Correct it there.") from None


def _names() -> Iterator[str]:
    yield ERROR
    yield from (f"{ERROR}_{number}" for number in count(2))


def _checked(source: str | os.PathLike[str], inputs: Sequence[Field]) -> Iterator[Row]:
    names = [field.name for field in inputs if not field.has_default]
    for where, row in json_objects(read_text(source), os.fspath(source)):
        missing = [name for name in names if name not in row]
        if missing:
            raise DataError(
                f"{where}: no field {missing[0]!r}; it has {shortened(', '.join(row)) or 'none'}. Give each row "
                f"{', '.join(names)}."
            )
        check_inputs(where, row, inputs)
        _check_writable(where, row)
        yield row


def _check_writable(where: str, row: Row) -> None:
    """Refuse NaN and infinity, which Python reads but JSON does not have; 1e999 is read as infinity."""
    for name, value in row.items():
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            raise DataError(
                f"{where}: {name} has a number that JSON cannot hold, {str(value)[:60]}. Write null in its place, or "
                "put it in quotes."
            ) from None
