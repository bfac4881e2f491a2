"""Compute the sha256 of a large file once, then remember it."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cribsheet.errors import WeightsError


class _Remembered(BaseModel):
    """A hash, with the size and modification time of the file that it was computed from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    mtime_ns: int
    sha256: str


def digest(path: Path) -> str:
    """Return the `sha256:…` of a file, hashing it only if it changed since the last time.

    Hashing 100 MB takes a third of a second, so the result is kept in a hidden file beside it.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        status = path.stat()
        sha256 = _recall(path, status)
        if sha256 is None:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            _remember(path, status, sha256)
    except OSError as error:
        raise WeightsError(f"The weights at {path} cannot be read: {error}. Check the path.") from error
    return f"sha256:{sha256}"


def _sidecar(path: Path) -> Path:
    return path.with_name(f".{path.name}.sha256.json")


def _recall(path: Path, status: os.stat_result) -> str | None:
    try:
        remembered = _Remembered.model_validate_json(_sidecar(path).read_bytes())
    except (OSError, ValidationError):  # not hashed yet, or not by us
        return None
    fresh = (remembered.size, remembered.mtime_ns) == (status.st_size, status.st_mtime_ns)
    return remembered.sha256 if fresh else None


def _remember(path: Path, status: os.stat_result, sha256: str) -> None:
    remembered = _Remembered(size=status.st_size, mtime_ns=status.st_mtime_ns, sha256=sha256)
    with contextlib.suppress(OSError):  # if the folder is read-only, the file is hashed again next time
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".sha256-", delete=False) as file:
            file.write(remembered.model_dump_json())
        os.replace(file.name, _sidecar(path))
