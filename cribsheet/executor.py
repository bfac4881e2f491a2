"""Run a function over many items in parallel: threads here, other executors behind the same protocol."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Protocol, TypeVar

from cribsheet.interrupts import interrupts_held_back, result_of

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Applies a function to items."""

    @property
    def parallel(self) -> int:
        """How many items are processed at once."""
        ...

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yield the result of each item in order; if an item fails, its error is raised at its position.

        Items are read in the calling thread. Closing the generator waits for the items that are being processed.
        """
        ...


class Threads:
    """Runs up to `parallel` items at once in threads; if `parallel` is 1, no thread is started.

    >>> list(Threads(2).map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """

    def __init__(self, parallel: int):
        self.parallel = parallel

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yield the result of each item in order; at most `parallel` are being processed or wait to be read.

        Ctrl-C raises KeyboardInterrupt between two items, after the next item in order has its result.
        """
        if self.parallel <= 1:
            for item in items:
                with interrupts_held_back():
                    result = function(item)
                yield result
            return
        waiting = iter(items)
        with ThreadPoolExecutor(self.parallel) as pool:
            running: list[Future[Result]] = []
            free = self.parallel
            try:
                while True:
                    with interrupts_held_back():
                        running.extend(pool.submit(function, item) for item in islice(waiting, free))
                        if not running:
                            return
                        result = result_of(running.pop(0))
                    yield result
                    free = 1
            finally:
                _wait_for(running)


def _wait_for(running: list[Future[Result]]) -> None:
    """Wait until the running items end; their results and errors are dropped.

    The pool would wait, too, but would not notice Ctrl-C.
    """
    for future in running:
        with suppress(Exception):
            result_of(future)
