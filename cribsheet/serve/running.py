"""Run a server until it is told to stop."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

import uvicorn

from cribsheet.errors import ServeError
from cribsheet.models.addresses import SERVED_BY
from cribsheet.serve.app import app_of
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.log import LOG
from cribsheet.serve.protocol import Protocol
from cribsheet.serve.serving import Serving

_BACKLOG = 2048
_KEEP_ALIVE = 75
"""How many seconds an idle connection stays open: longer than nginx keeps one, so that nginx closes it first."""
_QUIET = 0.3
"""How many seconds have to pass without a request before a stopping server closes its port. Whoever connects in the
moment when it closes gets no words."""
_LONGEST_REFUSING = 3.0
"""How many seconds a stopping server refuses requests at most, after the last answer was sent."""


class Server(uvicorn.Server):
    """A server that, told to stop, answers what is in progress and refuses the rest in words."""

    def __init__(
        self, serving: Serving, *, on_start: Callable[[], None] = lambda: None, further: Sequence[Endpoint] = ()
    ) -> None:
        self._serving = serving
        self._on_start = on_start
        options = serving.options
        super().__init__(
            uvicorn.Config(
                app_of(serving, further),
                http=Protocol,
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # nothing here depends on the client's address
                server_header=False,
                headers=[(SERVED_BY, "cribsheet")],
                lifespan="on",
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=max(1, round(options.grace)),
            )
        )
        self.stopped_by: int | None = None
        """The signal that stopped the server; None if there was none."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop at the first signal, and end at once at the second."""
        if self.stopped_by is not None:
            logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # it shows a traceback of all that is cancelled now
            self.force_exit = self.should_exit = True
            return
        self.stopped_by = sig
        self.stop_soon()

    def stop_soon(self) -> None:
        """Refuse new requests, and stop once those in progress are answered. Any thread may call this."""
        if self._loop is None:
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._begin_to_stop)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until the server is stopped."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so. Signals are handled from here on."""
        await super().startup(sockets)
        if self.started:
            self._on_start()

    def _begin_to_stop(self) -> None:
        self._stopping = self._stopping or asyncio.ensure_future(self._stop())

    async def _stop(self) -> None:
        serving = self._serving
        serving.is_stopping = True
        LOG.info("stopping: %s requests are in progress", serving.in_progress)
        ends = time.monotonic() + serving.options.grace
        while serving.in_progress and time.monotonic() < ends:
            await asyncio.sleep(0.02)
        serving.answering.end()
        ends = time.monotonic() + _LONGEST_REFUSING
        while time.monotonic() < ends and (self._is_expecting or time.monotonic() < serving.last_asked + _QUIET):
            await asyncio.sleep(0.02)
        self.should_exit = True

    @property
    def _is_expecting(self) -> bool:
        """Whether a client has connected but not yet asked anything."""
        return any(getattr(one, "cycle", one) is None for one in self.server_state.connections)


def run(serving: Serving, *, started: Callable[[str], None], further: Sequence[Endpoint] = ()) -> int | None:
    """Serve until a signal comes, and return the signal; `started` is called with the server's address.

    `further` are endpoints besides those of every server.

    Raises:
        ServeError: if the server cannot listen at its address.
    """
    listening = listen(serving.options.host, serving.options.port)
    server = Server(serving, on_start=lambda: started(address_of(listening)), further=further)
    try:
        server.run(sockets=[listening])
    finally:
        listening.close()
    if server.force_exit and server.stopped_by is not None:
        _end_at_once(server.stopped_by)
    if not server.started:
        raise ServeError("The server could not start. The log says why.")
    return server.stopped_by if server.stopped_by == signal.SIGINT else None


def _end_at_once(by: int) -> NoReturn:
    """End the process as a shell tells of a signal, without taking apart what is left.

    uvloop's event loop has open connections then, and Python sometimes crashes while it frees them.
    """
    LOG.info("ended at once by a second signal")
    logging.shutdown()
    os._exit(128 + by)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ServeError: if the address is unknown or in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends the two parts of a reply at once; otherwise each reply takes 40 ms longer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere, this option would let two servers listen at one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except (OSError, UnicodeError) as error:
        listening.close()
        raise ServeError(
            f"The server cannot listen at {host}, port {port}: {error}. Choose others with --host and --port."
        ) from None
    return listening


def address_of(listening: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
