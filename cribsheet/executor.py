"""The one place where evaluations run: threads here, a cluster behind the same seam elsewhere."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol, TypeVar

from cribsheet.interrupts import interrupts_held_back

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Applies a function to items."""

    @property
    def parallel(self) -> int:
        """How many items are under way at once."""
        ...

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yield the result of each item, in the items' order; an error surfaces at its item.

        Items are drawn in the calling thread. Closing it waits for what is under way.
        """
        ...


class Threads:
    """Runs up to `parallel` items at once, one at a time in the calling thread if that is 1.

    >>> list(Threads(2).map(abs, [-1, 2, -3]))
    [1, 2, 3]
    """

    def __init__(self, parallel: int):
        self.parallel = parallel

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yield the result of each item in order; at most `parallel` are under way or waiting to be read.

        Ctrl-C comes up between two items, once the next one in order has its result.
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
            while True:
                with interrupts_held_back():
                    running.extend(pool.submit(function, item) for item in islice(waiting, free))
                    if not running:
                        return
                    result = running.pop(0).result()
                yield result
                free = 1
