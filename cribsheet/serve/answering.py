"""Answer rows in threads, within the limits of the server."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from starlette.requests import Request

from cribsheet.errors import AbandonedError
from cribsheet.frozen.running import Run
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.serve.programs import Served
from cribsheet.serve.refusals import HungUp, Refusal
from cribsheet.text import counted

Inputs = Mapping[str, Value]


class Answering:
    """Answers rows for clients; a client that hangs up, or waits too long, frees its slot as soon as it can be."""

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._ends: set[asyncio.Future[None]] = set()
        """One for each request in progress; it is done once the server stops waiting for the answer."""

    def end(self) -> None:
        """Refuse everything that is still in progress, because the server stops."""
        for ending in self._ends:
            if not ending.done():
                ending.set_result(None)

    async def answer(self, served: Served, inputs: Inputs, request: Request) -> Run:
        """Return the run for one row; its outputs may be a parse failure.

        Raises:
            Refusal: if too many wait, it takes too long, or the server stops.
            HungUp: if the client closed the connection.
            CribsheetError: if the program or its model fails.
        """
        (run,) = await self.answer_all(served, [inputs], request)
        if isinstance(run, Exception):
            raise run
        return run

    async def answer_all(self, served: Served, rows: Sequence[Inputs], request: Request) -> list[Run | Exception]:
        """Return the run, or the error, for each row; the time limit holds for each row."""
        stop = threading.Event()
        work = asyncio.ensure_future(_in_turn(served, rows, stop))
        gone = asyncio.ensure_future(_hung_up(request))
        ending = asyncio.get_running_loop().create_future()
        self._ends.add(ending)
        limit = self._timeout * len(rows)
        try:
            await asyncio.wait((work, gone, ending), timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise self._given_up(gone, ending, limit)
        finally:
            stop.set()
            self._ends.discard(ending)
            for task in (work, gone, ending):
                task.cancel()

    def _given_up(self, gone: "asyncio.Future[None]", ending: "asyncio.Future[None]", limit: float) -> Exception:
        if gone.done():
            return HungUp()
        if ending.done():
            return stopping()
        return Refusal(
            408,
            f"There was no answer within {counted(limit, 'second')}. Try again later, or serve with a longer "
            "--timeout.",
            kind="timeout",
        )


def stopping() -> Refusal:
    """Return the refusal of a server that stops."""
    headers = {"Retry-After": "1", "Connection": "close"}
    return Refusal(503, "The server is stopping. Try again later.", kind="stopping", headers=headers)


class _Stoppable:
    """A model that is asked nothing more once nobody waits for the answer."""

    def __init__(self, model: Completer, stop: threading.Event) -> None:
        self._model, self._stop = model, stop

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the model's completion.

        Raises:
            AbandonedError: if nobody waits for it.
        """
        if self._stop.is_set():
            raise AbandonedError("Nobody waits for this answer any more.")
        return self._model.complete(prompt, sampling)


async def _in_turn(served: Served, rows: Sequence[Inputs], stop: threading.Event) -> list[Run | Exception]:
    """Answer the rows, as many at once as the model takes."""
    if len(rows) == 1:
        return [await _run(served, rows[0], stop, is_patient=False)]
    answers: list[Run | Exception] = [HungUp()] * len(rows)
    waiting = iter(enumerate(rows))

    async def work() -> None:
        for place, row in waiting:
            answers[place] = await _run(served, row, stop, is_patient=True)

    workers = [asyncio.ensure_future(work()) for _ in range(min(served.engine.slots.count, len(rows)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
    return answers


async def _run(served: Served, row: Inputs, stop: threading.Event, *, is_patient: bool) -> Run | Exception:
    """Run the program in a thread. The slot is given back when the thread is free, even if nobody waits for it."""
    slots = served.engine.slots
    await slots.take(is_patient=is_patient)
    loop = asyncio.get_running_loop()
    try:
        future = loop.run_in_executor(served.engine.threads, _answer, served, row, stop)
    except RuntimeError:  # the threads were shut down, because the server stops
        slots.give()
        raise stopping() from None
    future.add_done_callback(lambda _: slots.give())
    return await asyncio.shield(future)


def _answer(served: Served, row: Inputs, stop: threading.Event) -> Run | Exception:
    """Return the run, or the error that it raised: nobody may be left to raise it to."""
    try:
        return served.runnable.answer(row, _Stoppable(served.engine.model, stop))
    except Exception as error:  # noqa: BLE001 - the handler of the request, if there still is one, raises it
        return error


async def _hung_up(request: Request) -> None:
    """Return when the client closes the connection; its body has been read before."""
    with suppress(RuntimeError):
        while (await request.receive())["type"] != "http.disconnect":
            pass
