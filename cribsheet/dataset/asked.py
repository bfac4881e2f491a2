"""Read the rows that a program is asked to answer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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

_TABLES = (".csv", ".tsv", ".parquet", ".pq", ".xlsx", ".xls")
"""How the names of tables end."""

Row = dict[str, Any]


@dataclass(frozen=True)
class AskedRow:
    """A row that a program is asked to answer."""

    values: Row
    """Its fields, without those that JSON cannot hold."""
    problem: str = ""
    """Why it cannot be answered, with its line; empty if it can."""


def asked_rows(source: str | os.PathLike[str], inputs: Sequence[Field]) -> list[AskedRow]:
    """Return the rows of a file of JSON objects; a row may have further fields than the inputs.

    Raises:
        DataError: if the file cannot be read as JSON objects, or has none; the message names the line.
    """
    name = "standard input" if os.fspath(source) == "-" else os.fspath(source)
    _check_ending(name)
    rows = [_checked(where, row, inputs) for where, row in json_objects(read_text(source), name)]
    if not rows:
        raise DataError(f"{name} has no rows. Write one JSON object per line.")
    return rows


def answered_line(failures: Sequence[str], *, rows: int, out: object = None) -> str:
    """Return the sentences that end a run over rows: how many were answered, how many were not, and a reason.

    >>> answered_line([], rows=2)
    'Answered 2 of 2 rows.'
    >>> answered_line(["line 2: no field 'text'."], rows=3, out="out.jsonl")
    "Answered 2 of 3 rows into out.jsonl. 1 row has an error instead: line 2: no field 'text'."
    """
    line = f"Answered {rows - len(failures)} of {rows} {'row' if rows == 1 else 'rows'}{f' into {out}' if out else ''}."
    if not failures:
        return line
    first = f"{failures[0].removesuffix('.')}."
    if len(failures) == 1:
        return f"{line} 1 row has an error instead: {first}"
    return f"{line} {len(failures)} rows have an error instead. The first: {first}"


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


def _check_ending(name: str) -> None:
    """Raise DataError if a file's name tells that it is a table, or packed."""
    if name.lower().endswith(".gz"):
        raise DataError(f"{name} is packed, and --jsonl takes text. Unpack it: gunzip -c {name} | … --jsonl -")
    if name.lower().endswith(_TABLES):
        raise DataError(
            f"{name} is a table, but --jsonl takes JSON Lines: one JSON object per line. Write the table so, for "
            "example with pandas: table.to_json('rows.jsonl', orient='records', lines=True)."
        )


def _names() -> Iterator[str]:
    yield ERROR
    yield from (f"{ERROR}_{number}" for number in count(2))


def _checked(where: str, row: Row, inputs: Sequence[Field]) -> AskedRow:
    """Return the row, with the reason if it cannot be asked."""
    unwritable = [name for name, value in row.items() if not _is_writable(value)]
    kept = {name: value for name, value in row.items() if name not in unwritable}
    names = [field.name for field in inputs if not field.has_default]
    missing = [name for name in names if name not in row]
    if missing:
        return AskedRow(
            kept,
            f"{where}: no field {missing[0]!r}; it has {shortened(', '.join(row)) or 'none'}. Give each row "
            f"{', '.join(names)}.",
        )
    try:
        check_inputs(where, row, inputs)
    except DataError as error:
        return AskedRow(kept, str(error))
    if unwritable:
        return AskedRow(
            kept,
            f"{where}: {unwritable[0]} has a number that JSON cannot hold, {str(row[unwritable[0]])[:60]}. Write null "
            "in its place, or put it in quotes.",
        )
    return AskedRow(row)


def _is_writable(value: object) -> bool:
    """Tell whether JSON can hold a value: not NaN and infinity, which Python reads. 1e999 is read as infinity."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
