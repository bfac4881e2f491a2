"""Keep models usable in both processes after a fork."""

import os
import threading
from typing import Protocol
from weakref import WeakKeyDictionary, WeakSet


class HoldsEngine(Protocol):
    """A model with an engine inside this process."""

    def forget_engine(self) -> None:
        """Free the engine, which is loaded again when it is next needed. The caller holds the locks."""
        ...


class HoldsConnections(Protocol):
    """A model with connections to a server."""

    def forget_connections(self) -> None:
        """Drop the connections without closing them at the server. New ones open when they are next needed."""
        ...


_engines: "WeakKeyDictionary[HoldsEngine, tuple[threading.Lock, ...]]" = WeakKeyDictionary()
_connections: "WeakSet[HoldsConnections]" = WeakSet()
_held: list[threading.Lock] = []


def free_before_fork(model: HoldsEngine, *locks: threading.Lock) -> None:
    """Free the model's engine before each fork, so that both processes load one of their own.

    `locks` are the locks that guard the engine, in the order in which they are acquired.

    This is needed because an engine has threads, and a fork copies only memory. A copied engine would wait forever
    for threads that do not exist in the child, at the latest when the child exits.
    """
    _engines[model] = locks


def forget_in_child(model: HoldsConnections) -> None:
    """Drop the model's connections in the child after each fork, because the parent goes on using them."""
    _connections.add(model)


def _before() -> None:
    """Wait until no thread uses an engine, then free it. The locks are held until after the fork."""
    for model in sorted(_engines, key=id):  # always the same order, so that two threads can fork without deadlock
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
