"""Read and write files of JSON objects, one per line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
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
    """Open a file for writing, or give standard output if there is none; DataError if it cannot be opened or closed."""
    if out is None:
        yield sys.stdout
        return
    try:
        file = open(out, "w", encoding="utf-8")  # noqa: SIM115  # it is closed below; only opening may fail so
    except (OSError, ValueError) as error:  # a path with a NUL character is a ValueError
        raise _unwritable(out, error) from None
    try:
        yield file
    except BaseException:
        with suppress(OSError):  # the error in flight says what could not be written
            file.close()
        raise
    try:
        file.close()
    except OSError as error:
        raise _unwritable(out, error) from None


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
        raise _unwritable(out, error, has="It has the rows that were answered so far; choose") from None


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


def _unwritable(out: str | os.PathLike[str], error: OSError | ValueError, *, has: str = "Choose") -> DataError:
    return DataError(f"{_shown(os.fspath(out))} cannot be written: {_reason(error)}. {has} another place with --out.")


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _shown(path: str) -> str:
    return repr(path) if "\0" in path else path


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise DataError("Standard input is closed. Pipe the text into it, or give the text itself instead of -.")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:  # it may be a folder
        raise DataError(
            f"Standard input cannot be read: {_reason(error)}. Pipe the text into it, or give the text itself instead "
            "of -."
        ) from None


def _bytes_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:  # a path with a NUL character is a ValueError
        raise DataError(
            f"{_shown(path)} cannot be read: {_reason(error)}. Check the path given with --jsonl."
        ) from None
