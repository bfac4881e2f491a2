"""Read rows from tables with a header; commas, semicolons, tabs or bars separate the cells."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from cribsheet.dataset.formats._base import FileText, RawRow
from cribsheet.dataset.names import plain_name
from cribsheet.errors import DataError
from cribsheet.outcomes import is_unanswerable_json

SEPARATORS = ",;\t|"
"""The possible separators; if several fit the header equally well, the first one is used."""

MAX_CELL = 16 * 1024 * 1024
"""The most characters of a cell; a longer one is most likely an unclosed quote."""

_START = 1 << 16
"""How many characters at the start of the file are searched for the header."""

_TOLD = re.compile(r"sep=([^\w\s\"]|\t)\r?\n")  # the first line with which Excel declares the separator


def read_table(file: FileText) -> Iterator[RawRow]:
    """Yield the rows below the header.

    Raises:
        DataError: if a line cannot be read, or the header names a column twice that the task reads.
    """
    # The limit is shared by the whole process, so it is raised but never lowered.
    csv.field_size_limit(max(MAX_CELL, csv.field_size_limit()))
    told = _TOLD.match(file.text)
    separator = told.group(1) if told else _separator(file)
    records = _records(file.text, file.path, separator)
    if told:
        next(records)
    header: list[str] | None = None
    for where, cells in records:
        if header is None:
            header = _header(where, cells, file)
        elif not any(cell.strip() for cell in cells):
            raise DataError(f"{where}: the row has only empty cells. Remove this row and others like it.")
        elif len(cells) != len(header):
            raise DataError(f"{where}: {len(cells)} cells, but the header has {len(header)}. {_mend(separator)}")
        else:
            named = {name: _cell(cell) for name, cell in zip(header, cells, strict=True) if name}
            yield RawRow(where, named, is_table=True, named_by="header")


def _records(text: str, path: str, separator: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the cells of each line that is not blank, with the place where it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begin = 1  # the line where the current row begins; after an unclosed quote, the error is found much later
    try:
        for cells in reader:
            if len(cells) > 1 or any(cell.strip() for cell in cells):
                yield f"{path}, line {begin}", cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {begin}: not CSV: {error}. Close each quote, and write a quote inside a quoted cell twice."
        ) from None


def _separator(file: FileText) -> str:
    """Return the separator with which the header has most of the wanted columns; in a tie, the most cells."""

    def fit(separator: str) -> tuple[int, int]:
        with suppress(DataError, StopIteration):
            _, cells = next(_records(file.text[:_START], file.path, separator))
            return len(file.columns.intersection(map(plain_name, cells))), len(cells)
        return 0, 0

    return max(SEPARATORS, key=fit)


def _mend(separator: str) -> str:
    word = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}.get(separator, repr(separator))
    return f"Put quotes around a cell that holds {word} or a line break."


def _header(where: str, cells: Sequence[str], file: FileText) -> list[str]:
    """Return the names of the columns; DataError if a column that the task reads occurs twice."""
    names = [plain_name(cell) for cell in cells]
    if not any(names):
        raise DataError(f"{where}: the header names no column. Write the column names into the first line.")
    for name in filter(file.columns.__contains__, names):
        alike = {
            number: other
            for number, other in enumerate(names, 1)
            if other == name or (other.casefold() == name.casefold() and name not in file.mapped)
        }
        if len(alike) > 1:
            places = " and ".join(f"{number} ({other!r})" for number, other in alike.items())
            raise DataError(
                f"{where}: the header names {name!r} {'twice' if len(alike) == 2 else f'{len(alike)} times'}, in the "
                f"columns {places}. Remove all but one, or rename the others."
            )
    return names


def _cell(text: str) -> object:
    """Return the cell's text, or the parsed object if the cell holds `{"unanswerable": "why"}`."""
    if not text.startswith("{"):
        return text
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        return value if is_unanswerable_json(value) else text
    return text
