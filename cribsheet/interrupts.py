"""Have Ctrl-C come up where it does no harm.

A KeyboardInterrupt comes up wherever Python happens to be: where it is lost, as in the callback of a weak
reference, half way through a change, or where a thread pool has just taken a lock that its threads then wait for.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def first_ctrl_c(does: Callable[[], None]) -> Iterator[None]:
    """Have the first Ctrl-C in the block do this, and nothing else; a second one does what it always does.

    Python hands signals to the main thread alone, so a block in another one is left as it is, as is a process
    that was started to ignore Ctrl-C.
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
    """Have the KeyboardInterrupt of a first Ctrl-C wait for the end of the block; a second one comes up at once."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # none would come up
        yield
        return
    held: list[bool] = []
    try:
        with first_ctrl_c(lambda: held.append(True)):
            yield
    finally:
        if held:
            raise KeyboardInterrupt
