"""Let Ctrl-C end a command at once, but only when that does no harm.

Python raises KeyboardInterrupt wherever it happens to be. That can be the callback of a weak reference, where
the exception is lost; the middle of a change; or a thread pool that has just taken a lock its threads wait for.

Python runs signal handlers in the main thread between two of its instructions. If the signal arrives in another
thread, or just before the main thread starts to wait, the handler runs only when that wait ends. So the main thread
must not wait without a time limit.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Result = TypeVar("Result")

_LOOK = 0.1
"""Seconds after which a wait is taken up again, so that signal handlers can run. A result is returned at once."""


def result_of(future: Future[Result], *, check: Callable[[], None] | None = None) -> Result:
    """Return what the future returns or raise what it raises; meanwhile signal handlers run, and `check` is called.

    What `check` raises ends the wait.
    """
    while True:
        try:
            return future.result(timeout=_LOOK)
        except TimeoutError:
            if future.done():  # it arrived just now, or it failed with a TimeoutError
                return future.result()
        if check:
            check()


@contextmanager
def first_ctrl_c(does: Callable[[], None]) -> Iterator[None]:
    """Make the first Ctrl-C in the block call `does` and nothing else; a second one has its usual effect.

    Python delivers signals to the main thread only, so in another thread this changes nothing. It also changes
    nothing if the process was started to ignore Ctrl-C.
    """
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or former in (signal.SIG_IGN, None):
        yield
        return

    def once(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, former)
        does()

    signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Raise the KeyboardInterrupt of a first Ctrl-C at the end of the block; a second Ctrl-C raises at once."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # Ctrl-C raises nothing to hold back
        yield
        return
    held: list[bool] = []
    try:
        with first_ctrl_c(lambda: held.append(True)):
            yield
    finally:
        if held:
            raise KeyboardInterrupt
