"""Ctrl-C ends a search between two rows, and a second one all waiting."""

import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from cribsheet.budget import Budget, BudgetExhausted, SearchStopped
from cribsheet.budget.ledger import Ledger, Request
from cribsheet.compiler.interruption import Interruption
from cribsheet.models import Completion
from cribsheet.prompts import Prompt


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


class Heard:
    """An interruption, with what it was told to do."""

    def __init__(self, ledger: Ledger) -> None:
        self.done: list[str] = []
        self.ctrl_c = Interruption(
            ledger, say=lambda: self.done.append("said"), abandon=lambda: self.done.append("abandoned")
        )


def search(ledger: Ledger, *steps: Callable[[Ledger], object]) -> Heard:
    heard = Heard(ledger)
    with heard.ctrl_c.heeded():
        for step in steps:
            step(ledger)
    return heard


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


def test_the_first_says_what_is_waited_for_and_the_second_waits_no_longer(ledger: Ledger, handler: object) -> None:
    heard = search(ledger, ctrl_c)
    assert (heard.done, heard.ctrl_c.is_abandoned) == (["said"], False)
    heard = search(ledger, ctrl_c, ctrl_c)
    assert (heard.done, heard.ctrl_c.is_abandoned) == (["said", "abandoned"], True)
    assert signal.getsignal(signal.SIGINT) is handler


def test_the_third_interrupts_at_once(ledger: Ledger, handler: object) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(ledger, ctrl_c, ctrl_c, ctrl_c)
    assert signal.getsignal(signal.SIGINT) is handler


def test_once_the_search_is_over_rows_are_charged_until_the_second_ctrl_c(ledger: Ledger) -> None:
    heard = Heard(ledger)
    with heard.ctrl_c.heeded():
        ctrl_c()
        heard.ctrl_c.end_search()
        charge(ledger)
        ctrl_c()
        with pytest.raises(SearchStopped):
            charge(ledger)


def test_after_the_search_the_first_ctrl_c_stops_nothing(ledger: Ledger) -> None:
    heard = Heard(ledger)
    with heard.ctrl_c.heeded():
        heard.ctrl_c.end_search()
        ctrl_c()
        charge(ledger)
    assert heard.done == ["said"]


def test_after_the_compile_ctrl_c_is_what_it_was(ledger: Ledger) -> None:
    search(ledger, ctrl_c)
    charge(ledger)
    ledger.check()
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()


def test_the_end_of_the_budget_comes_through(ledger: Ledger, handler: object) -> None:
    with pytest.raises(BudgetExhausted):
        search(ledger, charge, charge, charge, Ledger.check)
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_handler_of_ones_own_hears_the_third_ctrl_c(ledger: Ledger) -> None:
    heard = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    search(ledger, ctrl_c, ctrl_c)
    assert heard == []
    search(ledger, ctrl_c, ctrl_c, ctrl_c)
    assert heard == [signal.SIGINT]


def test_a_process_that_ignores_ctrl_c_goes_on_doing_so(ledger: Ledger) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert search(ledger, ctrl_c, charge).done == []
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
