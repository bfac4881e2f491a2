"""Standard streams that take any text, and whose reader may go away."""

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
    **dict.fromkeys("•×", "*"),
    **dict.fromkeys("\u00a0\u2009\u202f", " "),
    "…": "...",
    "«": "<<",
    "»": ">>",
}
"""What stands for signs of our own messages and tables; any other character becomes an escape such as `\\u5317`."""

_ERRORS = "cribsheet"
_ASCII = "cribsheet-ascii"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What goes wrong with an output that cannot be written, other than that nobody reads it."""


@contextmanager
def any_text() -> Iterator[None]:
    """Have the standard streams write what their encoding lacks as escapes.

    A stream that is closed takes everything and keeps nothing. One whose reader went away, or whose disk is full,
    ends the command without a traceback.
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
    """Say something that is no result; the work goes on if nobody listens."""
    with suppress(BrokenPipeError):
        click.echo(text, err=True)


def fitted(text: str, encoding: str) -> str:
    """Return a text in the characters of an encoding.

    >>> fitted("北京… ok", "ascii")
    '\\\\u5317\\\\u4eac... ok'
    """
    return text.encode(encoding, _ERRORS).decode(encoding)


def fits(text: str, stream: TextIO) -> bool:
    """Tell whether a stream can write a text as it is."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _opened(stream: TextIO | None) -> TextIO:
    """Return the stream; if it is closed, one that keeps nothing."""
    return stream if stream is not None else open(os.devnull, "w", encoding="utf-8")


def _made_tolerant(stream: TextIO) -> tuple[str, str | None]:
    """Have a stream escape what it cannot encode; return its former encoding and way with errors."""
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
    """Write what is left; if nobody reads it, let it go, so that Python does not complain when it ends."""
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
    """Return ASCII under another name: click writes UTF-8 to a stream that it knows to be ASCII."""
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
