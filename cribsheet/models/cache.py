"""Keep completions on disk, so that none is paid for twice."""

import json
import sqlite3
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from cribsheet.errors import WorkspaceError
from cribsheet.models._base import Completion, Model, Sampling, TellsTokenIds
from cribsheet.models.keys import KeyLocks, completion_key, request_key
from cribsheet.prompts import Prompt

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


@dataclass
class Meter:
    """What was really asked of a model in this process. Safe to add to from several threads."""

    calls: int = 0
    """Requests that the model answered."""
    cached_calls: int = 0
    """Requests that the cache answered; they count nowhere else but in `completion_cached_tokens`."""
    prompt_tokens: int = 0
    """Tokens of the prompts that the model was asked."""
    evaluated_tokens: int = 0
    """Those of them that the engine read anew; all of them if it tells nothing of its prefix cache."""
    prefix_cached_tokens: int | None = None
    """Those of them that the prefix cache served; None if no engine told."""
    completion_cached_tokens: int = 0
    """Tokens of the prompts that the completion cache answered."""
    completion_tokens: int = 0
    """Tokens generated."""
    model_seconds: float = 0.0
    """Time of the calls, added up; more than the time that passed if calls ran side by side."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @property
    def cached_share(self) -> float | None:
        """How much of all prompt tokens came from the two caches, from 0 to 1; None before there are any."""
        tokens = self.prompt_tokens + self.completion_cached_tokens
        return 1 - self.evaluated_tokens / tokens if tokens else None

    def add(self, completion: Completion) -> None:
        """Count a completion."""
        usage = completion.usage
        with self._lock:
            if completion.cached:
                self.cached_calls += 1
                self.completion_cached_tokens += usage.prompt_tokens
                return
            self.calls += 1
            self.prompt_tokens += usage.prompt_tokens
            self.evaluated_tokens += usage.evaluated_tokens
            if usage.cached_tokens is not None:
                self.prefix_cached_tokens = (self.prefix_cached_tokens or 0) + usage.cached_tokens
            self.completion_tokens += usage.completion_tokens
            self.model_seconds += completion.seconds


class CachedModel:
    """A model that answers from the cache what it, or another process, was asked before."""

    def __init__(self, model: Model, cache: CompletionCache, *, meter: Meter | None = None):
        self.model = model
        """The model behind it."""
        self.cache = cache
        """Where completions are kept."""
        self.meter = meter or Meter()
        """What was asked through this object."""
        self.name = model.name
        self.endpoint = model.endpoint
        self.parallel = model.parallel
        self.context_window = model.context_window
        self.supports_raw = bool(getattr(model, "supports_raw", True))
        self._locks = KeyLocks()

    @cached_property
    def digest(self) -> str | None:
        """What identifies the weights; asked for once."""
        return self.model.digest

    @cached_property
    def prefix_tokens(self) -> int | None:
        """How many tokens of earlier prompts the engine is known to keep; None if that is not known."""
        return getattr(self.model, "prefix_tokens", None)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion from the cache, with `cached` set, or from the model.

        A prompt that several threads want at once is asked for once.

        Raises:
            ModelError: as the model behind it does; failures are not kept.
        """
        key = completion_key(self, prompt, sampling)
        with self._locks.of(key):
            completion = self._stored(key)
            if completion is None:
                completion = self.model.complete(prompt, sampling)
                self.cache.put(key, completion.model_dump(exclude={"cached"}))
        self.meter.add(completion)
        return completion

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the text has, from the cache if it was counted before."""
        key = request_key(self, tokens_of=text)
        count = self.cache.get(key)
        if not isinstance(count, int):
            count = self.model.count_tokens(text)
            self.cache.put(key, count)
        return count

    def token_ids(self, text: str) -> Sequence[int] | None:
        """Return the tokens of a text, from the cache if it was asked before; None if the model tells none."""
        if not isinstance(self.model, TellsTokenIds):
            return None
        key = request_key(self, token_ids_of=text)
        ids: Sequence[int] | None = self.cache.get(key)
        if not isinstance(ids, list):
            ids = self.model.token_ids(text)
            self.cache.put(key, ids)
        return ids

    def close(self) -> None:
        """Free what the model holds; the cache may serve other models and stays open."""
        self.model.close()

    def _stored(self, key: str) -> Completion | None:
        value = self.cache.get(key)
        try:
            return None if value is None else Completion.model_validate(value | {"cached": True})
        except (ValueError, TypeError):  # damaged, and mended by the next `put`
            return None
