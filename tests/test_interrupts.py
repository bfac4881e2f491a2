"""Ctrl-C comes up between two items, never inside the thread pool."""

import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator

import pytest

from cribsheet.executor import Threads
from cribsheet.interrupts import interrupts_held_back


@pytest.fixture(autouse=True)
def handler() -> Iterator[object]:
    """Leave the handler as it was found."""
    former = signal.getsignal(signal.SIGINT)
    yield former
    signal.signal(signal.SIGINT, former)


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_while_threads_work_comes_up_between_two_items(handler: object) -> None:
    began = []

    def work(item: int) -> int:
        began.append(item)
        if item == 3:
            ctrl_c()
        time.sleep(0.05)
        return item

    answers = Threads(2).map(work, range(100))
    got = []
    with pytest.raises(KeyboardInterrupt) as interrupt:
        got.extend(iter(lambda: next(answers), None))
    where = {frame.filename for frame in traceback.extract_tb(interrupt.value.__traceback__)}
    assert not [name for name in where if "concurrent" in name or "threading" in name]
    assert got in ([0, 1], [0, 1, 2], [0, 1, 2, 3])
    assert len(began) <= 6  # no more than were under way
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_second_ctrl_c_comes_up_at_once(handler: object) -> None:
    reached = []

    def pressed_twice() -> None:
        with interrupts_held_back():
            ctrl_c()
            reached.append("the first was held back")
            ctrl_c()
            reached.append("the second was not")

    with pytest.raises(KeyboardInterrupt):
        pressed_twice()
    assert reached == ["the first was held back"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_handler_that_raises_nothing_hears_ctrl_c_at_once() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    with interrupts_held_back():
        ctrl_c()
        assert heard == [signal.SIGINT]


def test_a_signal_that_arrives_in_another_thread_is_heard_while_the_main_thread_waits() -> None:
    """The same happens to a signal that arrives just before the main thread begins to wait."""
    heard = threading.Event()
    signal.signal(signal.SIGINT, lambda number, frame: heard.set())

    def work(item: int) -> bool:
        time.sleep(0.2)  # by now the main thread waits
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return heard.wait(timeout=20)

    assert list(Threads(2).map(work, range(2))) == [True, True]


def test_a_signal_is_heard_while_what_was_begun_before_an_error_ends() -> None:
    heard, waited = threading.Event(), []
    signal.signal(signal.SIGINT, lambda number, frame: heard.set())

    def work(item: int) -> None:
        if item == 0:
            raise ValueError("no")
        time.sleep(0.5)  # by now the error is being raised
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        waited.append(heard.wait(timeout=20))

    with pytest.raises(ValueError, match="no"):
        list(Threads(2).map(work, range(2)))
    assert waited == [True]
