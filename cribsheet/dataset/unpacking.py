"""Read the bytes of a file, unpacked if it is a gzip file."""

import gzip
import zlib
from pathlib import Path

from cribsheet.errors import DataError

PACKED = ".gz"
"""The ending of files that are unpacked while they are read."""
MOST = 1 << 30
"""The most bytes of an unpacked file: a small file can hold so much that it fills the memory."""


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        DataError: if it cannot be read or unpacked; the message says what to do.
    """
    try:
        if path.suffix.lower() != PACKED:
            return path.read_bytes()
        with gzip.open(path) as file:
            data = file.read(MOST + 1)
    except FileNotFoundError:
        raise DataError(f"There is no file {path}. Check the path given as the trainset.") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder. Name one of the files in it.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}. Pack it again with gzip, or copy it again.") from None
    except (OSError, ValueError) as error:  # a path with a NUL character is a ValueError
        raise DataError(f"{path} cannot be read: {error}. Check its name and its permissions.") from error
    if len(data) > MOST:
        raise DataError(f"{path} unpacks to more than {MOST:,} bytes. Split it, or take fewer rows.")
    return data


def ending(path: Path) -> str:
    """Return the ending that tells a file's format.

    >>> ending(Path("dev.csv")), ending(Path("dev.CSV.gz"))
    ('.csv', '.csv')
    """
    return (path.with_suffix("") if path.suffix.lower() == PACKED else path).suffix.lower()
