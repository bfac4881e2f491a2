"""Read and write files of JSON objects, one per line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from cribsheet.dataset.decoding import decoded
from cribsheet.errors import DataError


def read_text(source: str | os.PathLike[str]) -> str:
    """Return the text of a file, or of standard input if the source is `-`.

    Raises:
        DataError: if the file cannot be read or its bytes are no text, or if standard input is closed.
    """
    path = os.fspath(source)
    return decoded(_standard_input(), "standard input") if path == "-" else decoded(_bytes_of(path), path)


@contextmanager
def opened(out: str | os.PathLike[str] | None) -> Iterator[TextIO]:
    """Open a file for writing, or give standard output if there is none; DataError if it cannot be opened."""
    if out is None:
        yield sys.stdout
        return
    try:
        file = open(out, "w", encoding="utf-8")  # noqa: SIM115  # it is closed below; only opening may fail so
    except OSError as error:
        raise DataError(f"{out} cannot be written: {error.strerror}. Choose another place with --out.") from None
    with file:
        yield file


def write_row(file: TextIO, row: Mapping[str, Any], out: str | os.PathLike[str] | None) -> None:
    """Write a row to the file that `opened` gave for `out`; DataError if that fails.

    If the file is standard output, the OSError is left to the command, because a reader that went away is no error.
    """
    try:
        file.write(json_text(row, file) + "\n")
        file.flush()
    except OSError as error:
        if out is None:
            raise
        raise DataError(
            f"{out} cannot be written: {error.strerror}. It has the rows that were answered so far; choose another "
            "place with --out."
        ) from None


def json_text(value: object, stream: TextIO, *, indent: int | None = None) -> str:
    """Return JSON that a stream can write; non-ASCII characters are escaped if its encoding lacks one of them."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if fits(text, stream) else json.dumps(value, indent=indent)


def fits(text: str, stream: TextIO) -> bool:
    """Tell whether a stream's encoding has all characters of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise DataError("Standard input is closed. Pipe the text into it, or give the text itself instead of -.")
    return sys.stdin.buffer.read()


def _bytes_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path given with --jsonl.") from None
