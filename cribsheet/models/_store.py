"""Store completions on disk, so that none is paid for twice."""

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
from cribsheet.models import forks

SIZE_LIMIT = 4 * 1024**3
"""Maximum size on disk, in bytes. Beyond it, the oldest entries are dropped."""

_FAULTS = (sqlite3.Error, OSError, diskcache.Timeout)

_T = TypeVar("_T")


@dataclass(frozen=True)
class CacheStats:
    """The size of a cache."""

    entries: int
    """Number of entries, such as completions and token counts."""
    bytes: int
    """Size on disk."""


class _TextDisk(diskcache.Disk):
    """Stores every value as text in the database, so no value is ever pickled or unpickled."""

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
    """A key-value store of JSON values, in one SQLite file that threads and processes share.

    If the disk or the file fails, the cache warns once and work goes on without it: nothing more is written, and if
    reading failed, nothing more is read. Once `put` returns, the value is safe even if the process is killed.
    """

    def __init__(self, directory: str | Path, *, on_fault: Callable[[str], None] = _warn):
        self.directory = Path(directory)
        """The folder of the SQLite file, created if it does not exist."""
        self._on_fault = on_fault
        self._lock = threading.Lock()
        forks.renew_in_child(self, "_lock", threading.Lock)
        self._reads = self._writes = True
        self._cache: Any = None
        self._try(self._open, reads=True)

    def get(self, key: str) -> Any:
        """Return the value stored under the key; None if there is none."""
        text = self._try(lambda: self._cache.get(key), reads=True) if self._reads else None
        try:
            return None if text is None else json.loads(text)
        except (ValueError, TypeError):  # a damaged value counts as missing, and the next `put` replaces it
            return None

    def put(self, key: str, value: object) -> None:
        """Store a JSON value. Minus infinity, which is a valid log-probability, becomes `-Infinity`."""
        if self._writes:
            self._try(lambda: self._cache.set(key, json.dumps(value)), reads=False)

    def stats(self) -> CacheStats:
        """Return the number and the size of the entries, both 0 if the cache cannot be read."""
        if not self._reads:
            return CacheStats(0, 0)
        found = self._try(lambda: CacheStats(len(self._cache), self._cache.volume()), reads=True)
        return found or CacheStats(0, 0)

    def clear(self) -> int:
        """Remove all entries and return how many there were; a damaged file is deleted, which counts as 0.

        Raises:
            WorkspaceError: the file cannot be deleted.
        """
        if self._reads and self._writes:
            with suppress(*_FAULTS):  # if SQLite cannot empty the file, it is deleted below
                return int(self._cache.clear())
        self.close()
        try:
            for path in self.directory.glob("cache.db*"):
                path.unlink()
            self._open()
        except _FAULTS as error:
            raise WorkspaceError(
                f"The completion cache in {self.directory} cannot be cleared: {_reason(error)}. "
                "Check that you may write to the folder."
            ) from error
        self._reads = self._writes = True
        return 0

    def close(self) -> None:
        """Close the file. The next call opens it again."""
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
        """Run the action; if it fails, warn once, then stop writing and, if `reads`, also reading."""
        try:
            with forks.storing:
                return action()
        except _FAULTS as error:
            self.close()  # an open transaction would block other processes
            with self._lock:
                is_first = self._reads and self._writes
                self._writes = False
                self._reads = self._reads and not reads
            if is_first:
                effect = "completions are paid for again" if reads else "new completions are not stored"
                self._on_fault(
                    f"The completion cache in {self.directory} cannot be {'used' if reads else 'written'}: "
                    f"{_reason(error)}. Work goes on, but {effect}. Nothing was deleted. Check that you may write to "
                    "the folder and that the disk has room. If the cache is damaged, run `cribsheet cache clear`."
                )
            return None


def _reason(error: BaseException) -> str:
    """Return SQLite's error message, which diskcache hides behind its own Timeout."""
    cause = error.__context__ if isinstance(error, diskcache.Timeout) and error.__context__ else error
    return str(cause) or type(cause).__name__
