"""Keep completions on disk, so that none is paid for twice."""

import json
import sqlite3
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from cribsheet.errors import WorkspaceError

SIZE_LIMIT = 4 * 1024**3
"""Bytes on disk after which the entries stored first are dropped."""

_FAULTS = (sqlite3.Error, OSError, diskcache.Timeout)

_T = TypeVar("_T")


@dataclass(frozen=True)
class CacheStats:
    """What a cache holds."""

    entries: int
    """Completions and token counts."""
    bytes: int
    """Their size on disk."""


class _TextDisk(diskcache.Disk):
    """Text in, text out, all in the database: no value is ever pickled, or read as a pickle."""

    def put(self, key: str) -> tuple[str, bool]:
        return key, True

    def get(self, key: str, raw: bool) -> str:
        return key

    def store(self, value: str, read: bool, key: object = None) -> tuple[int, int, None, str]:
        return 0, diskcache.core.MODE_RAW, None, value

    def fetch(self, mode: int, filename: str | None, value: object, read: bool) -> object:
        return value


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)


class CompletionCache:
    """JSON values by key, in one SQLite file that threads and processes share.

    A fault of the disk or of the file costs one warning, never the work: from then on it is not written, nor,
    if reading failed, read. A write is there once `put` returns, even if the process is killed.
    """

    def __init__(self, directory: str | Path, *, on_fault: Callable[[str], None] = _warn):
        self.directory = Path(directory)
        """Where the file is; made if it is not there."""
        self._on_fault = on_fault
        self._lock = threading.Lock()
        self._reads = self._writes = True
        self._cache: Any = None
        self._try(self._open, reads=True)

    def get(self, key: str) -> Any:
        """Return the value stored under the key; None if there is none."""
        text = self._try(lambda: self._cache.get(key), reads=True) if self._reads else None
        try:
            return None if text is None else json.loads(text)
        except (ValueError, TypeError):  # a damaged value is as good as none, and the next `put` mends it
            return None

    def put(self, key: str, value: object) -> None:
        """Store a JSON value; minus infinity, a log-probability too, is written as Python's json does."""
        if self._writes:
            self._try(lambda: self._cache.set(key, json.dumps(value)), reads=False)

    def stats(self) -> CacheStats:
        """Return how much is in it; nothing if it cannot be read."""
        if not self._reads:
            return CacheStats(0, 0)
        found = self._try(lambda: CacheStats(len(self._cache), self._cache.volume()), reads=True)
        return found or CacheStats(0, 0)

    def clear(self) -> int:
        """Remove all entries, and the file itself if it is damaged; return how many there were.

        Raises:
            WorkspaceError: when the folder does not allow it.
        """
        if self._reads and self._writes:
            with suppress(*_FAULTS):  # what SQLite cannot empty is removed below
                return int(self._cache.clear())
        self.close()
        try:
            for path in self.directory.glob("cache.db*"):
                path.unlink()
            self._open()
        except _FAULTS as error:
            raise WorkspaceError(
                f"The completion cache in {self.directory} cannot be cleared: {_reason(error)}. "
                "Check that the folder may be written."
            ) from error
        self._reads = self._writes = True
        return 0

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with suppress(*_FAULTS):
            if self._cache is not None:
                self._cache.close()

    def _open(self) -> None:
        self._cache = diskcache.Cache(
            str(self.directory),
            disk=_TextDisk,
            eviction_policy="least-recently-stored",
            size_limit=SIZE_LIMIT,
        )

    def _try(self, action: Callable[[], _T], *, reads: bool) -> _T | None:
        """Do it, or give up reading and writing, or writing alone, with one warning for the two."""
        try:
            return action()
        except _FAULTS as error:
            self.close()  # an open transaction would keep other processes waiting
            with self._lock:
                is_first = self._reads and self._writes
                self._writes = False
                self._reads = self._reads and not reads
            if is_first:
                effect = "completions are paid for again" if reads else "new completions are not kept"
                self._on_fault(
                    f"The completion cache in {self.directory} cannot be {'used' if reads else 'written'}: "
                    f"{_reason(error)}. Work goes on, but {effect}. Nothing was deleted. Check that the "
                    "folder may be written and the disk has room. A damaged cache is emptied by "
                    "`cribsheet cache clear`."
                )
            return None


def _reason(error: BaseException) -> str:
    """Return what SQLite said; diskcache hides it behind its own Timeout."""
    cause = error.__context__ if isinstance(error, diskcache.Timeout) and error.__context__ else error
    return str(cause) or type(cause).__name__
