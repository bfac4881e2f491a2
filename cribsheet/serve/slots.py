"""Limit how many requests a model answers at once, and how many wait for it."""

import asyncio
from collections import deque
from contextlib import suppress

from cribsheet.serve.refusals import Refusal
from cribsheet.text import counted


class Slots:
    """A number of slots that are given in the order of the requests. Used from one event loop only."""

    def __init__(self, count: int, *, queue: int) -> None:
        self.count = count
        self._free = count
        self._queue = queue
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def taken(self) -> int:
        """How many slots are taken."""
        return self.count - self._free

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiting)

    async def take(self, *, is_patient: bool = False) -> None:
        """Wait for a slot and take it; a cancelled wait leaves the queue.

        Raises:
            Refusal: if as many requests wait as may; a patient one waits anyway.
        """
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._queue and not is_patient:
            raise Refusal(
                429,
                f"{counted(self.count, 'request')} {'is' if self.count == 1 else 'are'} being answered and "
                f"{len(self._waiting)} {'waits' if len(self._waiting) == 1 else 'wait'}, which is the most allowed. "
                "Try again later.",
                kind="too_many_requests",
                headers={"Retry-After": "1"},
            )
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(turn)
            raise

    def give(self) -> None:
        """Give a slot back, to the request that has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _leave(self, turn: "asyncio.Future[None]") -> None:
        if turn.done() and not turn.cancelled():  # it got its slot in the same moment
            self.give()
            return
        with suppress(ValueError):
            self._waiting.remove(turn)
