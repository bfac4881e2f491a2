"""Turn Ctrl-C into the end of a search, between two rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from cribsheet.interrupts import first_ctrl_c
from cribsheet.search.ledger import Ledger


@contextmanager
def stopped_by_ctrl_c(ledger: Ledger) -> Iterator[None]:
    """Have the first Ctrl-C stop the ledger, which then raises `SearchStopped`; a second one does what it always does.

    The price: a completion that is under way is waited for.
    """

    def stop() -> None:
        ledger.is_stopped = True

    try:
        with first_ctrl_c(stop):
            yield
    finally:
        ledger.is_stopped = False
