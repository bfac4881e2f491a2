"""Turn Ctrl-C into the end of a search, between two rows."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cribsheet.search.budget import Ledger


@contextmanager
def stopped_by_ctrl_c(ledger: Ledger) -> Iterator[None]:
    """Have the first Ctrl-C stop the ledger, which then raises `SearchStopped`; a second one does what it always does.

    A KeyboardInterrupt comes up wherever Python happens to be, also where it is lost, as in the callback of
    a weak reference, or half way through a change of the best so far. The price: a completion that is under
    way is waited for. Python hands signals to the main thread alone, so a search in another one is left as it
    is, as is a process that was started to ignore Ctrl-C.
    """
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or former in (signal.SIG_IGN, None):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, former)
        ledger.is_stopped = True

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        ledger.is_stopped = False
