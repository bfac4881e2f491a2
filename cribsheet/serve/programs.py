"""Hold the programs of a server, and take up their files when these change."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cribsheet.errors import CribsheetError, FrozenFileError, ServeError
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.running import Run
from cribsheet.frozen.sealing import ENDING
from cribsheet.models import Completer
from cribsheet.outcomes import Value
from cribsheet.serve.engines import Engine, Engines
from cribsheet.serve.refusals import Refusal
from cribsheet.signature import Signature

_LATEST = ":latest"


class Runnable(Protocol):
    """A frozen program that can be run on one row."""

    @property
    def frozen(self) -> FrozenProgram:
        """The content of its file."""
        ...

    @property
    def signature(self) -> Signature:
        """The inputs and outputs of the whole program."""
        ...

    def answer(self, inputs: Mapping[str, Value], model: Completer) -> Run:
        """Run the program; no model is asked if the inputs alone decide the outputs."""
        ...

    def with_frozen(self, frozen: FrozenProgram) -> "Runnable":
        """Return the same program with other prompts."""
        ...


Loader = Callable[[Path], Runnable]
"""Loads the program of a frozen file."""

State = tuple[int, int, int]
"""What changes if a file is written: its time, its size, its inode."""


@dataclass(frozen=True)
class Served:
    """One version of a program's file, ready to answer."""

    name: str
    """The name under which clients call it."""
    path: Path
    """Its file."""
    runnable: Runnable
    engine: Engine
    digest: str
    """The sha256 of the file."""
    size: int
    """The size of the file in bytes."""
    modified: float
    """When the file was written, in seconds since 1970."""

    @property
    def signature(self) -> Signature:
        """The inputs and outputs of the whole program."""
        return self.runnable.signature


@dataclass
class _Slot:
    """A file with the version that answers now."""

    path: Path
    served: Served
    state: State | None
    problem: str | None = None
    """Why the newest version of the file was not taken up; None if it was."""


class Programs:
    """The programs of a server by name. A broken file never replaces a program that answers."""

    def __init__(self, paths: Sequence[Path], loader: Loader, engines: Engines) -> None:
        """Load all files.

        Raises:
            FrozenFileError: if a file cannot be used.
            ServeError: if two files have the same name.
            ModelError: if a program's model is unknown.
        """
        self._loader, self._engines = loader, engines
        self._slots: dict[str, _Slot] = {}
        for path in paths:
            self._add(path)

    def __iter__(self) -> Iterator[Served]:
        return (slot.served for slot in self._slots.values())

    @property
    def problems(self) -> dict[str, str]:
        """Why the newest version of a file was not taken up, by the program's name."""
        return {name: slot.problem for name, slot in self._slots.items() if slot.problem}

    def get(self, name: str) -> Served:
        """Return the program of that name; Ollama's clients write `:latest` after it.

        Raises:
            Refusal: if there is none.
        """
        slot = self._slots.get(name.removesuffix(_LATEST))
        if slot is None:
            raise Refusal(
                404,
                f"There is no program, and so no model, {name[:80]!r}. Use one of these: {', '.join(self._slots)}.",
                kind="model_not_found",
            )
        return slot.served

    def reload(self) -> list[str]:
        """Take up the files that changed, and return a line for the log about each."""
        lines = [line for name, slot in self._slots.items() if (line := self._renew(name, slot))]
        self._engines.close_unused(served.runnable.frozen for served in self)
        return lines

    def _add(self, path: Path) -> None:
        name = name_of(path)
        if name in self._slots:
            raise ServeError(
                f"{path} and {self._slots[name].path} would both be called {name!r}. Rename one of the files."
            )
        state = _state(path)
        self._slots[name] = _Slot(path, self._load(name, path), state)

    def _load(self, name: str, path: Path) -> Served:
        runnable = self._loader(path)
        try:
            content, modified = path.read_bytes(), path.stat().st_mtime
        except OSError as error:  # it vanished after it was loaded
            raise FrozenFileError(f"{path} cannot be read: {error}. Write it again.") from None
        digest = hashlib.sha256(content).hexdigest()
        return Served(name, path, runnable, self._engines.of(runnable.frozen), digest, len(content), modified)

    def _renew(self, name: str, slot: _Slot) -> str | None:
        state = _state(slot.path)
        if state == slot.state:
            return None
        slot.state = state
        try:
            slot.served, slot.problem = self._load(name, slot.path), None
        except CribsheetError as error:
            slot.problem = str(error)
            return f"{name}: the file changed, but the former version goes on answering. {error}"
        return f"{name}: the file changed, and the new version answers now"


def name_of(path: Path) -> str:
    """Return the name of a file's program: the file's name without its ending.

    >>> name_of(Path("prompts/sentiment.prompt.json")), name_of(Path("topic.json"))
    ('sentiment', 'topic')

    Raises:
        ServeError: if the name has a colon, which separates a name from what follows in addresses and clients.
    """
    name = path.name.removesuffix(ENDING) if path.name.endswith(ENDING) else path.stem
    if ":" in name or not name.isprintable() or not _is_text(name):
        raise ServeError(f"{name!r} cannot be the name of a program in an address. Rename {path}.")
    return name


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _state(path: Path) -> State | None:
    """Return what tells whether a file was written again; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
