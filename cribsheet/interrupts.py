"""Delay the KeyboardInterrupt of Ctrl-C until it does no harm.

Python raises KeyboardInterrupt wherever it happens to be. That can be the callback of a weak reference, where
the exception is lost; the middle of a change; or a thread pool that has just taken a lock its threads wait for.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


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
