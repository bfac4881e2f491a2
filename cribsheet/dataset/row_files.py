"""Append rows to a trainset of JSON lines, each row once."""

import errno
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cribsheet.dataset.decoding import decoded
from cribsheet.dataset.examples import Row, folded_inputs
from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from cribsheet.outcomes import to_json
from cribsheet.signature import Field, Signature
from cribsheet.text import shortened

_ENDINGS = (".jsonl", ".ndjson")
_State = tuple[int, int] | None
_BLANKS = "\ufeff \t\r\n\f\v"


class RowFile:
    """A trainset that rows can be added to. Rows whose inputs differ in case and spacing only count as the same."""

    def __init__(self, path: Path, signature: Signature, *, allow_empty: bool = False) -> None:
        """Read the rows that are there; the file is made when the first row is added.

        Raises:
            DataError: if the rows cannot be read, or none can be appended to this file.
        """
        self.path = path
        self._signature, self._allow_empty = signature, allow_empty
        self._rows: dict[tuple[str, ...], Row] = {}
        self._state: _State = None
        if path.suffix.lower() not in _ENDINGS:
            raise DataError(
                f"{path} has the extension {path.suffix!r}, but rows are added as lines of JSON. Name a file that ends "
                f"in {' or '.join(_ENDINGS)}."
            )
        if not path.parent.is_dir():
            raise DataError(f"There is no folder {path.parent}, in which {path.name} would be. Create it.")
        self._refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def has(self, inputs: Mapping[str, object]) -> bool:
        """Tell whether a row with these inputs is there."""
        return folded_inputs(inputs) in self._rows

    def checked(self, values: Mapping[str, object]) -> Row:
        """Return the values, as JSON has them, as a row.

        Raises:
            DataError: if they cannot be a row of the trainset.
        """
        names = [field.name for field in (*self._signature.inputs, *self._signature.outputs)]
        unknown = next((name for name in values if name not in names), None)
        if unknown is not None:
            raise DataError(f"There is no field {shortened(unknown, 60)!r}, but {', '.join(names)}. Leave it out.")
        try:
            return load_rows([dict(values)], self._signature, allow_empty=self._allow_empty)[0]
        except DataError as error:
            raise DataError(str(error).removeprefix("row 1 of the trainset: ")) from None

    def add(self, values: Mapping[str, object]) -> bool:
        """Append a row at once; return False if one with the same inputs is there already.

        Raises:
            DataError: if the values cannot be a row, or the file cannot be written.
        """
        row = self.checked(values)
        self._refresh()
        if self.has(row.inputs):
            return False
        append_line(self.path, json.dumps(_as_json(row, values, self._signature), ensure_ascii=False, allow_nan=False))
        self._rows[folded_inputs(row.inputs)] = row
        self._state = _state(self.path)
        return True

    def _refresh(self) -> None:
        """Read the file again if something else has written to it."""
        state = _state(self.path)
        if state == self._state:
            return
        text = _appendable(self.path)
        rows = load_rows(self.path, self._signature, allow_empty=self._allow_empty) if text.strip(_BLANKS) else []
        self._rows = {folded_inputs(row.inputs): row for row in rows}
        self._state = state


def _as_json(row: Row, given: Mapping[str, object], signature: Signature) -> dict[str, object]:
    """Return a row with the JSON types of its fields."""
    outputs = {field.name: _accepted(field, row, given[field.name]) for field in signature.outputs}
    return {name: to_json(value) for name, value in row.inputs.items()} | outputs


def _accepted(field: Field, row: Row, given: object) -> object:
    """Return the accepted values as a list if they were given so.

    The only value of a list field stands for itself: in another list, `[]` would be read as a list that holds one.
    """
    values = [to_json(value) for value in row.outputs[field.name]]
    is_itself = len(values) == 1 and field.type.is_structured
    return values if isinstance(given, list) and not is_itself else values[0]


class Dropped:
    """The inputs that a reviewer dropped, as a file of hashes: the inputs themselves may be what must not be kept."""

    def __init__(self, path: Path) -> None:
        """Read the hashes; DataError if the file cannot be read."""
        self.path = path
        self._hashes = set(_text(path).split()) if path.exists() else set()

    def has(self, inputs: Mapping[str, object]) -> bool:
        """Tell whether these inputs were dropped."""
        return _hash(inputs) in self._hashes

    def add(self, inputs: Mapping[str, object]) -> None:
        """Note at once that these inputs are dropped; DataError if the file cannot be written."""
        self._hashes.add(_hash(inputs))
        append_line(self.path, _hash(inputs))


def append_line(path: Path, line: str) -> None:
    """Append a line to a file, and let it reach the disk; a new file is for nobody else to read.

    Raises:
        DataError: if it cannot be written.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            append_whole(file, line.encode())
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}. Check its folder and its permissions.") from None


def append_whole(file: int, line: bytes) -> None:
    """Append the whole line or, if the disk is full, nothing of it; OSError if it cannot be written.

    The file must be open for reading, too, because a last line that has no end is ended first.
    """
    size = os.fstat(file).st_size  # 0 for a pipe
    content = b"\n" * _lacks_end(file, size) + line + b"\n"
    if os.write(file, content) < len(content):
        os.ftruncate(file, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lacks_end(file: int, size: int) -> bool:
    """Tell whether the last line of a file has no end."""
    if not size:
        return False
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1) != b"\n"


def _appendable(path: Path) -> str:
    """Return the text of a file to which lines of JSON in UTF-8 can be appended; empty if it is not there."""
    text = _text(path) if path.exists() else ""
    if text.lstrip(_BLANKS).startswith("["):
        raise DataError(f"{path} is one array, to which no line can be added. Write one row on each line.")
    return text


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check its name and its permissions.") from None
    text = decoded(data, str(path))
    if data and text.encode() not in (data, data.removeprefix(b"\xef\xbb\xbf")):
        raise DataError(f"{path} is not UTF-8, so that no line can be added to it. Save it as UTF-8.")
    return text


def _hash(inputs: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(folded_inputs(inputs)).encode()).hexdigest()


def _state(path: Path) -> _State:
    """Return what tells whether a file was written again; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
