"""Turn Ctrl-C into the end of a search, and a second one into the end of all waiting."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cribsheet.interrupts import first_ctrl_c
from cribsheet.search.ledger import Ledger


class Interruption:
    """How often Ctrl-C was pressed during a compile, and what becomes of it.

    The first time, the search ends after the row under way; if the search is over, nothing ends. The second time, no
    answer is waited for any longer. The third time does what Ctrl-C always does.
    """

    def __init__(self, ledger: Ledger, *, say: Callable[[], None], abandon: Callable[[], None]) -> None:
        self.presses = 0
        self._ledger, self._say, self._abandon = ledger, say, abandon
        self._is_searching = True

    @property
    def is_abandoned(self) -> bool:
        """Whether no model may be asked any more."""
        return self.presses > 1

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Hear Ctrl-C for the time of a block; see `first_ctrl_c` for where it is not heard."""
        try:
            with first_ctrl_c(self._second), first_ctrl_c(self._first):
                yield
        finally:
            self._ledger.is_stopped = self._ledger.is_abandoned = False

    def end_search(self) -> None:
        """Go on after the search, even if that was stopped: what it found may still be scored."""
        self._is_searching = False
        self._ledger.is_stopped = self.is_abandoned

    def _first(self) -> None:
        self.presses = 1
        self._ledger.is_stopped = self._is_searching
        self._say()

    def _second(self) -> None:
        self.presses = 2
        self._ledger.is_stopped = self._ledger.is_abandoned = True
        self._abandon()
