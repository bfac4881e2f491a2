"""Keep models usable in both processes after a fork."""

import concurrent.futures.thread  # noqa: F401 - its own hooks must not come while a fork waits in ours
import os
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, ref

importing = threading.RLock()
"""Held while a package is imported for a request. A fork waits for it, because a child cannot use half a package."""
storing = threading.RLock()
"""Held while a file of SQLite is read or written. A fork waits for it, because SQLite has locks of its own."""


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
_renewed: dict[tuple[int, str], tuple[ReferenceType[object], Callable[[], object]]] = {}
"""Maps an object's id and the name of an attribute to the object, and to what makes the attribute anew."""
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


def renew_in_child(holder: object, name: str, make: Callable[[], object]) -> None:
    """Set an attribute of an object anew in the child of each fork; `make` must not refer to the object.

    This is needed for locks, because a thread of the parent that holds one does not exist in the child, which would
    wait for it forever.
    """
    key = id(holder), name
    _renewed[key] = ref(holder, lambda _: _renewed.pop(key, None)), make


def _before() -> None:
    """Wait until no thread uses an engine, then free it. The locks are held until after the fork."""
    importing.acquire()
    storing.acquire()
    for model in sorted(_engines, key=id):  # always the same order, so that two threads can fork without deadlock
        for lock in _engines[model]:
            lock.acquire()
            _held.append(lock)
        model.forget_engine()


def _after() -> None:
    while _held:
        _held.pop().release()
    storing.release()
    importing.release()


def _after_in_child() -> None:
    _after()
    _drop_half_imported()
    for (_, name), (holding, make) in list(_renewed.items()):
        if (holder := holding()) is not None:
            setattr(holder, name, make())
    for kind in set(map(type, _registered())):
        _renew_cached_properties(kind)
    for model in list(_connections):
        model.forget_connections()


def _drop_half_imported() -> None:
    """Forget modules that another thread of the parent was importing, such as those that LiteLLM imports late.

    That thread does not exist in the child, which would wait forever for its lock on the module. Python offers no
    other way than its private table of these locks.
    """
    locks = getattr(sys.modules["importlib._bootstrap"], "_module_locks", {})
    for name, holding in list(locks.items()):
        if getattr(holding(), "owner", None) not in (None, threading.get_ident()):
            locks.pop(name, None)
            sys.modules.pop(name, None)


def _registered() -> Iterator[object]:
    yield from [*_engines, *_connections]
    yield from filter(None, [holding() for holding, _ in _renewed.values()])


def _renew_cached_properties(kind: type) -> None:
    """Renew the lock that a cached property has for all objects of its class, in Python before 3.12."""
    for one in vars(kind).values():
        if isinstance(one, cached_property) and hasattr(one, "lock"):
            one.lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
