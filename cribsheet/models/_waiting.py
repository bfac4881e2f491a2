"""Wait for a server's answer in a way that can be given up."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

from cribsheet.errors import AbandonedError
from cribsheet.interrupts import result_of
from cribsheet.models import forks

Answer = TypeVar("Answer")


class Waiting:
    """Runs each request in a thread of its own, so that the caller can stop waiting for it.

    A thread that waits for a server cannot be stopped. It is left behind as a daemon thread, which does not keep the
    process from exiting.
    """

    def __init__(self) -> None:
        self._abandoned = threading.Event()
        self._since: dict[int, float] = {}
        """Maps a waiting thread to the time when its request started."""
        forks.renew_in_child(self, "_since", dict)  # only the parent waits for those

    @property
    def ages(self) -> list[float]:
        """How many seconds each pending request has been waiting, longest first."""
        now = time.monotonic()
        return sorted((now - since for since in list(self._since.values())), reverse=True)

    def abandon(self) -> None:
        """Make every current and future wait end with an AbandonedError."""
        self._abandoned.set()

    def sleep(self, seconds: float) -> None:
        """Sleep for a number of seconds before a request is repeated, or until `abandon` is called."""
        with self._noted():
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
            return result_of(answer, check=self._check)

    def _check(self) -> None:
        if self._abandoned.is_set():
            raise AbandonedError(
                "Ctrl-C was pressed twice, so the wait for the model's answer was given up. Run the command again."
            )

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
    except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits for the answer
        answer.set_exception(error)
