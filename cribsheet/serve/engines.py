"""Share each model between all programs that need it."""

from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from cribsheet.frozen import FrozenProgram
from cribsheet.models import Model
from cribsheet.models.retry import Retrying
from cribsheet.serve.slots import Slots


class Wanted(NamedTuple):
    """The model that a program needs."""

    key: Hashable
    """Programs with the same key share one model."""
    open: Callable[[], Model]
    """Opens the model."""


Chooser = Callable[[FrozenProgram], Wanted]
"""Says which model answers for a frozen program."""


@dataclass(frozen=True)
class Engine:
    """An open model with the threads that ask it."""

    model: Model
    slots: Slots
    threads: ThreadPoolExecutor

    def close(self) -> None:
        """Release the model; requests in progress to a served model are abandoned."""
        if isinstance(self.model, Retrying):
            self.model.abandon()
        self.threads.shutdown(wait=False, cancel_futures=True)
        self.model.close()


class Engines:
    """The open models of a server, one for each model that its files name."""

    def __init__(self, chooser: Chooser, *, parallel: int | None, queue: int) -> None:
        self._chooser = chooser
        self._parallel, self._queue = parallel, queue
        self._open: dict[Hashable, Engine] = {}

    def of(self, frozen: FrozenProgram) -> Engine:
        """Return the engine for a program; its model is opened at the first call.

        Raises:
            ModelError: if there is no such model.
        """
        wanted = self._chooser(frozen)
        if wanted.key not in self._open:
            model = wanted.open()
            count = self._parallel or max(1, model.parallel)
            threads = ThreadPoolExecutor(count, thread_name_prefix="answer")
            self._open[wanted.key] = Engine(model, Slots(count, queue=self._queue), threads)
        return self._open[wanted.key]

    def all(self) -> tuple[Engine, ...]:
        """Return the open engines."""
        return tuple(self._open.values())

    def close_unused(self, programs: Iterable[FrozenProgram]) -> None:
        """Close the engines that none of these programs needs and that answer nothing now."""
        kept = {self._chooser(frozen).key for frozen in programs}
        for key, engine in list(self._open.items()):
            if key not in kept and not (engine.slots.taken or engine.slots.waiting):
                del self._open[key]
                engine.close()

    def close(self) -> None:
        """Close all engines."""
        for engine in self._open.values():
            engine.close()
        self._open.clear()
