"""Keep models usable on both sides of a fork of the process."""

import os
import threading
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet


class HoldsEngine(Protocol):
    """A model with an engine inside this process."""

    def forget_engine(self) -> None:
        """Free the engine; the caller holds the locks. It is loaded again when it is next needed."""
        ...


class HoldsConnections(Protocol):
    """A model with connections to a server."""

    def forget_connections(self) -> None:
        """Drop the connections without a word to the server; others are opened when they are next needed."""
        ...


_engines: "WeakKeyDictionary[HoldsEngine, tuple[threading.Lock, ...]]" = WeakKeyDictionary()
_connections: "WeakSet[HoldsConnections]" = WeakSet()
_held: list[threading.Lock] = []


def free_before_fork(model: HoldsEngine, *locks: threading.Lock) -> None:
    """Free the model's engine before each fork: both processes then load one of their own.

    `locks` are those without which nobody touches the engine, in the order in which they are taken.

    An engine is threads as much as memory, and a fork copies the memory alone. A copied engine waits forever for
    threads that are not there, at the latest when the child exits.
    """
    _engines[model] = locks


def forget_in_child(model: HoldsConnections) -> None:
    """Drop the model's connections in the child after each fork: they are the parent's, who goes on using them."""
    _connections.add(model)


def _before() -> None:
    """Wait until nobody uses an engine, then free it; the locks are held until after the fork."""
    for model in sorted(_engines, key=id):  # the same order always, so that two threads may fork at once
        for lock in _engines[model]:
            lock.acquire()
            _held.append(lock)
        model.forget_engine()


def _after() -> None:
    while _held:
        _held.pop().release()


def _after_in_child() -> None:
    _after()
    for model in list(_connections):
        model.forget_connections()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
