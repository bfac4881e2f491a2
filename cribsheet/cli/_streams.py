"""Make the standard streams accept any text, whatever their encoding or their reader."""

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import click

_LIKE = {
    **dict.fromkeys("–—‐‑−━─╸╺", "-"),
    **dict.fromkeys("│┃", "|"),
    **dict.fromkeys("•×·", "*"),
    **dict.fromkeys("\u00a0\u2009\u202f", " "),
    "…": "...",
    "«": "<<",
    "»": ">>",
}
"""ASCII replacements for characters of our messages and tables; others become an escape such as `\\u5317`."""

_ERRORS = "cribsheet"
_ASCII = "cribsheet-ascii"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""Errors of an output that cannot be written, except that its reader is gone."""


@contextmanager
def any_text() -> Iterator[None]:
    """Make the standard streams write escapes for characters that their encoding lacks.

    Writing to a closed stream does nothing. If a stream's reader is gone or its disk is full, the command ends without
    a traceback.
    """
    before = sys.stdout, sys.stderr
    streams = sys.stdout, sys.stderr = _opened(sys.stdout), _opened(sys.stderr)
    former = [_made_tolerant(stream) for stream in streams]
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno not in _FULL:
            raise
        with suppress(OSError):
            click.echo(f"Error: the output cannot be written: {error.strerror}. Send it elsewhere.", err=True)
        raise SystemExit(1) from None
    finally:
        for stream, (encoding, errors) in zip(streams, former, strict=True):
            _flush(stream)
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding=encoding, errors=errors)
        sys.stdout, sys.stderr = before


def note(text: str) -> None:
    """Print a message to standard error; if that is closed or full, continue without it."""
    with suppress(OSError):
        click.echo(text, err=True)


def fitted(text: str, encoding: str) -> str:
    """Replace the characters that an encoding lacks.

    >>> fitted("北京… ok", "ascii")
    '\\\\u5317\\\\u4eac... ok'
    """
    return text.encode(encoding, _ERRORS).decode(encoding)


def _opened(stream: TextIO | None) -> TextIO:
    """Return the stream, or one that discards everything if it is closed."""
    return stream if stream is not None else open(os.devnull, "w", encoding="utf-8")


def _made_tolerant(stream: TextIO) -> tuple[str, str | None]:
    """Make a stream escape what it cannot encode; return its former encoding and error handler."""
    if not isinstance(stream, io.TextIOWrapper):
        return "", None
    encoding, errors = stream.encoding, stream.errors
    is_ascii = codecs.lookup(encoding).name == "ascii"
    stream.reconfigure(
        encoding=_ASCII if is_ascii else encoding,
        errors=_ERRORS if errors in ("strict", "surrogateescape", "backslashreplace") else errors,
    )
    return encoding, errors


def _flush(stream: TextIO) -> None:
    """Flush the stream; if its reader is gone, redirect it to nowhere, so that Python reports no error at exit."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_LIKE.get(char) or char.encode("ascii", "backslashreplace").decode() for char in missing), error.end


def _ascii(name: str) -> codecs.CodecInfo | None:
    """Return ASCII under another name, because click writes UTF-8 to a stream whose encoding is called ASCII."""
    if name.replace("_", "-") != _ASCII:
        return None
    ascii_ = codecs.lookup("ascii")
    return codecs.CodecInfo(
        name=_ASCII,
        encode=ascii_.encode,
        decode=ascii_.decode,
        incrementalencoder=ascii_.incrementalencoder,
        incrementaldecoder=ascii_.incrementaldecoder,
        streamwriter=ascii_.streamwriter,
        streamreader=ascii_.streamreader,
    )


codecs.register_error(_ERRORS, _escaped)
codecs.register(_ascii)
