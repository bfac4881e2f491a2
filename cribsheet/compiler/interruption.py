"""Let Ctrl-C end a search without losing what it found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cribsheet.budget.ledger import Ledger
from cribsheet.interrupts import first_ctrl_c


class Interruption:
    """Handles Ctrl-C during a compile.

    The first Ctrl-C ends the search after the row under way; after the search it does nothing. The second one stops
    waiting for answers. The third one does what Ctrl-C usually does.
    """

    def __init__(self, ledger: Ledger, *, say: Callable[[], None], abandon: Callable[[], None]) -> None:
        self.presses = 0
        self._ledger, self._say, self._abandon = ledger, say, abandon
        self._is_searching = True

    @property
    def is_abandoned(self) -> bool:
        """Whether Ctrl-C was pressed twice, so that no model may be asked any more."""
        return self.presses > 1

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Handle Ctrl-C inside a `with` block; `first_ctrl_c` says in which threads that is not possible."""
        try:
            with first_ctrl_c(self._second), first_ctrl_c(self._first):
                yield
        finally:
            self._ledger.is_stopped = self._ledger.is_abandoned = False

    def end_search(self) -> None:
        """Allow requests again after the search, so that what it found can be scored."""
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
