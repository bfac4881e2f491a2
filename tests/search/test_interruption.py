"""Ctrl-C ends a search between two rows, and nothing else."""

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from cribsheet.models import Completion
from cribsheet.prompts import Prompt
from cribsheet.search.budget import Budget, BudgetExhausted, SearchStopped
from cribsheet.search.interruption import stopped_by_ctrl_c
from cribsheet.search.ledger import Ledger, Request


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Budget.parse("3calls"), count_tokens=len)


@pytest.fixture(autouse=True)
def handler() -> Iterator[object]:
    """Leave the handler as it was found."""
    former = signal.getsignal(signal.SIGINT)
    yield former
    signal.signal(signal.SIGINT, former)


def ctrl_c(ledger: Ledger | None = None) -> None:
    os.kill(os.getpid(), signal.SIGINT)


def charge(ledger: Ledger) -> None:
    """Charge a row that was just answered."""
    ledger.charge(Request(str(ledger.requests), Prompt(text="x"), Completion(text="")))
    ledger.check_stopped()


def search(ledger: Ledger, *steps: Callable[[Ledger], object]) -> None:
    with stopped_by_ctrl_c(ledger):
        for step in steps:
            step(ledger)


def test_the_first_ctrl_c_stops_at_the_next_row_which_still_counts(ledger: Ledger, handler: object) -> None:
    with pytest.raises(SearchStopped):
        search(ledger, charge, ctrl_c, charge, charge)
    assert ledger.spent == 2
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_stop_comes_before_the_end_of_the_budget(ledger: Ledger) -> None:
    ledger.spent = 3
    with pytest.raises(SearchStopped):
        search(ledger, ctrl_c, Ledger.check)
    with pytest.raises(BudgetExhausted):
        ledger.check()


def test_the_second_ctrl_c_interrupts_at_once(ledger: Ledger, handler: object) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(ledger, ctrl_c, ctrl_c)
    assert signal.getsignal(signal.SIGINT) is handler


def test_after_the_search_rows_are_charged_and_ctrl_c_is_what_it_was(ledger: Ledger) -> None:
    search(ledger, ctrl_c)
    charge(ledger)
    ledger.check()
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()


def test_the_end_of_the_budget_comes_through(ledger: Ledger, handler: object) -> None:
    with pytest.raises(BudgetExhausted):
        search(ledger, charge, charge, charge, Ledger.check)
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_handler_of_ones_own_hears_the_second_ctrl_c(ledger: Ledger) -> None:
    heard = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    with stopped_by_ctrl_c(ledger):
        ctrl_c()
        assert (ledger.is_stopped, heard) == (True, [])
        ctrl_c()
    assert heard == [signal.SIGINT]


def test_a_process_that_ignores_ctrl_c_goes_on_doing_so(ledger: Ledger) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    search(ledger, ctrl_c, charge)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_search_in_another_thread_touches_no_handler(ledger: Ledger, handler: object) -> None:
    found = []

    def look(ledger: Ledger) -> None:
        found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=search, args=(ledger, look, charge))
    thread.start()
    thread.join()
    assert found == [handler]
    assert ledger.spent == 1
