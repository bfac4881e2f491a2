"""Decode the bytes of a file into text."""

import codecs

from cribsheet.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # starts with the same bytes as UTF-16's mark, so it is tried first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks with their encodings."""

_BINARY = (
    (b"PK\x03\x04", "a zip file, as Excel's workbooks are", "In Excel, save it as CSV UTF-8; else unpack it"),
    (b"\x1f\x8b", "a gzip file", "Name it with .gz behind, as in rows.csv.gz"),
    (b"BZh", "a bzip2 file", "Unpack it"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "Unpack it"),
    (b"PAR1", "a Parquet file", "Name it *.parquet"),
    (b"ARROW1", "an Arrow file", "Write it as Parquet, or as UTF-8 text"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "In Excel, save it as CSV UTF-8"),
    (b"SQLite format 3\x00", "a SQLite database", "Export the rows as UTF-8 text"),
)
"""The first bytes of common binary files, what they are, and what to do."""

_MANY = 0.2
"""If a larger share of the characters is NUL, the file is not taken for UTF-8."""
_FEW = 0.01
"""If a smaller share of the bytes is NUL, the file is not taken for UTF-16; a Chinese text has few."""


def decoded(data: bytes, source: str) -> str:
    """Return the text of a file: UTF-8, or UTF-16 or UTF-32 if it begins with a byte order mark.

    >>> decoded("text".encode("utf-16"), "rows.csv")
    'text'

    Raises:
        DataError: if it is not such text; the message names the line and what to do.
    """
    for start, kind, mend in _BINARY:
        if data.startswith(start):
            raise DataError(f"{source} is {kind}, not text. {mend}.")
    mark, encoding = next((pair for pair in _MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    content = data[len(mark) :]
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if not mark and (guess := _encoding_without_mark(data)):
            raise DataError(_without_mark(source, data, guess)) from None
        raise DataError(_not_decodable(content, error, encoding, source=source, skipped=len(mark))) from None
    if text.count("\0") > _MANY * len(text):
        raise DataError(_without_mark(source, data, _encoding_without_mark(data) or "UTF-16"))
    return text


def _encoding_without_mark(data: bytes) -> str:
    """Return the encoding that the NUL bytes of a file speak for; empty if there is none."""
    for encoding in ("utf-32-le", "utf-32-be"):
        if _is_text(data, encoding):
            return encoding.upper()
    first, second = data[::2].count(0), data[1::2].count(0)
    encoding = "utf-16-le" if second >= first else "utf-16-be"
    has_nuls = first + second > _FEW * len(data)
    return encoding.upper() if has_nuls and _is_text(data, encoding) else ""


def _is_text(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _without_mark(source: str, data: bytes, encoding: str) -> str:
    """Return the error message for a file in an encoding that needs a byte order mark and has none."""
    return (
        f"{source}: {data.count(0)} of {len(data)} bytes are NUL, as in {encoding} without its byte order mark. Save "
        "the file as UTF-8."
    )


def _not_decodable(content: bytes, error: UnicodeDecodeError, encoding: str, *, source: str, skipped: int) -> str:
    """Return the error message for bytes that are not valid in the encoding."""
    offset = error.start + skipped
    if encoding != "utf-8":
        return (
            f"{source} has the byte order mark of {encoding.upper()}, but byte {offset} is not valid in it: "
            f"{error.reason}. Save the file as UTF-8."
        )
    line = content.count(b"\n", 0, error.start) + 1
    byte = content[error.start]
    return f"{source}, line {line}: not UTF-8, byte 0x{byte:02x} at offset {offset}. Save the file as UTF-8."
