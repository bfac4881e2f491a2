"""Wait for answers that may never come."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from cribsheet.errors import AbandonedError

Answer = TypeVar("Answer")

_LOOK = 0.1
"""Seconds between two looks at whether the answer is still wanted; an answer that comes is seen at once."""


class Waiting:
    """Has each question asked in a thread of its own, so that nobody must wait for the answer.

    A thread that waits for a server cannot be ended. It is left behind, and does not keep the process from ending.
    """

    def __init__(self) -> None:
        self._abandoned = threading.Event()
        self._since: dict[int, float] = {}
        """When each question under way was asked."""

    @property
    def ages(self) -> list[float]:
        """For how many seconds each answer under way is waited for, the longest first."""
        now = time.monotonic()
        return sorted((now - since for since in list(self._since.values())), reverse=True)

    def abandon(self) -> None:
        """Have everybody who waits, and who will, get an AbandonedError."""
        self._abandoned.set()

    def sleep(self, seconds: float) -> None:
        """Wait for a time, unless answers are not wanted any longer."""
        self._abandoned.wait(seconds)

    def for_answer(self, ask: Callable[[], Answer]) -> Answer:
        """Return what `ask` returns, or raise what it raises.

        Raises:
            AbandonedError: `abandon` was called before the answer came.
        """
        self._check()
        answer: Future[Answer] = Future()
        with self._noted():
            threading.Thread(target=_settle, args=(answer, ask), daemon=True).start()
            while True:
                try:
                    return answer.result(timeout=_LOOK)
                except TimeoutError:
                    if answer.done():  # just now, or it is the answer's own error
                        return answer.result()
                self._check()

    def _check(self) -> None:
        if self._abandoned.is_set():
            raise AbandonedError("Ctrl-C was pressed twice, so that the answer is not waited for. Run it again.")

    @contextmanager
    def _noted(self) -> Iterator[None]:
        key = threading.get_ident()
        self._since[key] = time.monotonic()
        try:
            yield
        finally:
            self._since.pop(key, None)


def _settle(answer: "Future[Answer]", ask: Callable[[], Answer]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - whoever waits for the answer gets it
        answer.set_exception(error)
