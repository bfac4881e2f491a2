"""Read rows from tables with a header; commas, semicolons, tabs or bars separate the cells."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress

from cribsheet.dataset.formats._base import FileText, RawRow
from cribsheet.dataset.formats.cells import cell_value
from cribsheet.dataset.formats.quotes import swallows_rows
from cribsheet.dataset.names import doubled, folded, plain_name
from cribsheet.errors import DataError
from cribsheet.text import counted

SEPARATORS = ",;\t|"
"""The possible separators; if several fit the header equally well, the first one is used."""
_LOOK_ALIKES = "，；：｜、"
"""Characters that people take for separators, as East Asian keyboards type them."""

MAX_CELL = 16 * 1024 * 1024
"""The most characters of a cell; a longer one is most likely an unclosed quote."""

_START = 1 << 16
"""How many characters at the start of the file are searched for the header."""

_TOLD = re.compile(r"(\"?)sep=([^\w\s\"]|\t)\1(?:\r\n?|\n)", re.IGNORECASE)  # Excel's own first line


def read_table(file: FileText) -> Iterator[RawRow]:
    """Yield the rows below the header.

    Raises:
        DataError: if a line cannot be read, or the header names a column twice that the task reads.
    """
    # The limit is shared by the whole process, so it is raised but never lowered.
    csv.field_size_limit(max(MAX_CELL, csv.field_size_limit()))
    told = _TOLD.match(file.text)
    separator = told.group(2) if told else _separator(file)
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
            raise DataError(
                f"{where}: {counted(len(cells), 'cell')}, but the header has {len(header)}. "
                f"{_mend(separator, cells, header)}"
            )
        else:
            named = {name: cell_value(cell, where) for name, cell in zip(header, cells, strict=True) if name}
            yield RawRow(where, named, is_table=True, named_by="header")


def _records(text: str, path: str, separator: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the cells of each line that is not blank, with the place where it begins."""
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=separator, strict=True)
    begin = 1  # the line where a row begins, which a quote left open may lie far behind
    last_cells: set[str] = set()
    try:
        for cells in reader:
            if swallows_rows(lines[begin - 1 : reader.line_num], separator, cells, last_cells):
                raise DataError(
                    f"{path}, line {begin}: the quote that opens here ends in line {reader.line_num}, and the lines "
                    "between look like rows of their own. Close the quote in its own line, or remove it. If all of "
                    "it is one cell, write the rows as JSONL."
                )
            last_cells.update(cell.strip() for cell in cells[-1:])
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


def _mend(separator: str, cells: Sequence[str], header: Sequence[str]) -> str:
    word = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}.get(separator, repr(separator))
    alike = next((char for char in _LOOK_ALIKES if char in "".join(cells)), "")
    if alike and len(cells) < len(header):
        return f"{alike!r} ({unicodedata.name(alike)}) separates no cells: write {word} if it should."
    if len(cells) < len(header):
        return f"Write {word} between the cells, also before and after an empty one."
    return f"Put quotes around a cell that holds {word} or a line break."


def _header(where: str, cells: Sequence[str], file: FileText) -> list[str]:
    """Return the names of the columns; DataError if a column that the task reads occurs twice."""
    names = [plain_name(cell) for cell in cells]
    if not any(names):
        raise DataError(f"{where}: the header names no column. Write the names of the columns into the first line.")
    if cells[0].lstrip().startswith(("#", "//")) and not file.columns.intersection(names):
        raise DataError(
            f"{where}: {cells[0].strip()[:60]!r} looks like a comment, not like the names of the columns. Remove this "
            "line, so that the header is the first one."
        )
    _check_separator(where, cells, file)
    name, alike = doubled(names, file.columns, file.mapped)
    if alike:
        places = " and ".join(f"{number} ({other!r})" for number, other in alike.items())
        raise DataError(
            f"{where}: the header names {name!r} {'twice' if len(alike) == 2 else f'{len(alike)} times'}, in the "
            f"columns {places}. Remove all but one, or rename the others."
        )
    return names


def _check_separator(where: str, cells: Sequence[str], file: FileText) -> None:
    """Raise DataError if the header holds the names that the task reads between characters that separate no cells."""
    if file.columns.intersection(map(plain_name, cells)):
        return
    for char in _LOOK_ALIKES:
        parts = [plain_name(part) for cell in cells for part in cell.split(char)]
        if len(parts) > len(cells) and {folded(part) for part in parts} & {folded(name) for name in file.columns}:
            raise DataError(
                f"{where}: the names in {','.join(cells)[:60]!r} are separated by {char!r} ({unicodedata.name(char)}), "
                "which separates no cells. Write a comma between the cells of each line, and quotes around a cell that "
                "holds one."
            )
