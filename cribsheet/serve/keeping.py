"""Keep calls in a file, so that they can become rows."""

import importlib
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cribsheet.dataset.calls import check_call
from cribsheet.dataset.row_files import append_whole
from cribsheet.errors import DataError, ServeError, told
from cribsheet.frozen.running import Run
from cribsheet.outcomes import Value, to_json
from cribsheet.serve.facts import reply_of
from cribsheet.serve.log import LOG, place_of
from cribsheet.serve.programs import Served
from cribsheet.signature import Signature

Kept = dict[str, Any]
"""A call as it is kept: when it was, the program, its inputs and outputs, and how sure they are."""
Redact = Callable[[Kept], Kept | None]
"""Returns a call as it may be kept; None if it may not."""

_NAMES = ("outputs", "outcomes", "probability", "decided_by", "model_text", "changes")


class Keeper:
    """Appends calls to a file of JSON lines, one at a time, in a background thread.

    At `most` bytes, the file is renamed to `NAME.1`, which is replaced, and a new one begins.
    """

    def __init__(self, path: Path, *, most: int, redact: Redact | None = None) -> None:
        """Open the file.

        Raises:
            ServeError: if it cannot be written.
        """
        self._path, self._most, self._redact = path, most, redact
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="keep")
        self._has_failed = False
        try:
            os.close(self._open())
        except OSError as error:
            raise ServeError(f"{path} cannot be written: {error}. Name another file with --keep.") from None

    def keep(self, served: Served, inputs: dict[str, Value], run: Run) -> None:
        """Append a call soon. If that fails, the log says so, and the server goes on."""
        call = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "program": served.name,
            "sha256": served.digest,
            "inputs": {name: to_json(value) for name, value in inputs.items()},
        }
        reply = reply_of(served, run)
        self._thread.submit(self._write, call | {name: reply[name] for name in _NAMES}, served.signature)

    def close(self) -> None:
        """Write what is still to be written."""
        self._thread.shutdown(wait=True)

    def _write(self, call: Kept, signature: Signature) -> None:
        try:
            kept = self._redacted(call, signature)
            if kept is not None:
                self._append(json.dumps(kept, ensure_ascii=False, allow_nan=False).encode())
        except _UnfitError as error:
            self._fail(str(error))
        except BaseException as error:  # noqa: BLE001 - the hook is the user's code, which may raise anything, or exit
            self._fail(f"{type(error).__name__} at {place_of(error)}")
        else:
            self._has_failed = False

    def _redacted(self, call: Kept, signature: Signature) -> Kept | None:
        """Return what the hook makes of a call; one call that cannot be read again would spoil the whole file."""
        kept = self._redact(call) if self._redact else call
        if self._redact and kept is not None:
            try:
                check_call(kept, signature)
            except DataError:  # its message may hold an input
                raise _UnfitError(
                    "what --redact returned does not have the form of a call of this program. Return the call with "
                    "other values, each of the same type"
                ) from None
        return kept

    def _fail(self, reason: str) -> None:
        if not self._has_failed:  # not once for each call
            LOG.error("calls are not kept: %s", reason)
        self._has_failed = True

    def _append(self, line: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size + len(line) + 1 > self._most:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        file = self._open()
        try:
            append_whole(file, line)
        finally:
            os.close(file)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)  # for nobody else to read


class _UnfitError(Exception):
    """A hook returned something that `cribsheet rows review` could not read."""


def hook_named(name: str) -> Redact:
    """Return the function of a name such as `privacy:redact`, from a module in the current folder or installed.

    Raises:
        ServeError: if there is none.
    """
    module, colon, function = name.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), function, None) if module and colon else None
    except Exception as error:
        raise ServeError(f"--redact {name}: importing {module} raised {told(error)}. Correct it.") from error
    finally:
        sys.path.remove(os.getcwd())
    if not callable(found):
        raise ServeError(f"--redact is {name!r}, which names no function. Write module:function.")
    hook: Redact = found
    return hook
