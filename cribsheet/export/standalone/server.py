"""Exchange JSON with a server over HTTP."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from cribsheet.errors import ModelError, TransientError, UnreachableError
from cribsheet.models._json import read_json
from cribsheet.models._redirects import Redirected, redirected
from cribsheet.models._server_messages import error_words, reason_in
from cribsheet.models._streamed import put_together
from cribsheet.models.addresses import SERVED_BY

ATTEMPTS = 4
"""How often a request is tried if it meets a fault that may pass."""
LONGEST = 1_000_000
"""The most seconds that a request may be given; sockets cannot wait for much longer."""
_MOST = 10**8
"""How many bytes of an answer are read. One with very many log-probabilities has about 10**7."""
_FIRST_PAUSE = 0.25  # seconds

Answer = TypeVar("Answer")


class Reply(NamedTuple):
    """What a server answered."""

    status: int
    text: str

    def json(self) -> Any:
        """Return the JSON that the text is, or that it streams; None if it is none."""
        try:
            return read_json(self.text.encode(errors="surrogatepass"))
        except ValueError:
            return put_together(self.text)

    @property
    def words(self) -> str:
        """All that it says if it is an error."""
        return error_words(self.text.encode(errors="surrogatepass"))


class Server:
    """A server at an address; each thread keeps a connection of its own open.

    It is reached directly: proxies that the environment names are not used. `timeout` bounds each request as a whole,
    in seconds; ModelError if no request can be given that long. `key_source` says how a user gives the server's key.
    """

    def __init__(self, address: str, *, key: str | None, timeout: float, key_source: str):
        if problem := timeout_problem(timeout):
            raise ModelError(f"The timeout {problem}")
        self.address, self.key, self.timeout, self.key_source = address, key, timeout, key_source
        parts = urlsplit(address)
        self._netloc, self._is_secure = parts.netloc, parts.scheme == "https"
        self._path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=~")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        self._headers.update({"Authorization": f"Bearer {key}"} if key else {})
        self._open = threading.local()

    def post(self, path: str, body: object) -> Reply:
        """Return the reply to a JSON body.

        Raises:
            UnreachableError: nothing answers at the address.
            TransientError: the connection broke off, or the answer took too long.
            ModelError: the server sends its clients to another address, or is `cribsheet serve`.
        """
        return self._exchange("POST", path, json.dumps(body).encode(), time.monotonic() + self.timeout)

    def get(self, path: str) -> Reply:
        """Return what is at a path; it raises what `post` does."""
        return self._exchange("GET", path, None, time.monotonic() + self.timeout)

    def _exchange(self, method: str, path: str, body: bytes | None, deadline: float) -> Reply:
        from http.client import HTTPException  # here, for its import is half of the time that a module takes to start

        is_used = getattr(self._open, "connection", None) is not None
        try:
            return self._send(method, path, body, deadline)
        except (OSError, HTTPException, ValueError) as error:
            self._open.connection = None
            if is_used and isinstance(error, (ConnectionError, HTTPException)):  # it was idle for too long
                return self._exchange(method, path, body, deadline)
            raise self._explained(error) from error

    def _send(self, method: str, path: str, body: bytes | None, deadline: float) -> Reply:
        import http.client

        connection = getattr(self._open, "connection", None)
        if connection is None:
            kind = http.client.HTTPSConnection if self._is_secure else http.client.HTTPConnection
            connection = self._open.connection = kind(self._netloc, timeout=self.timeout)
        if connection.sock is None:
            _connect(connection, deadline)
        connection.sock.settimeout(_left(deadline))
        connection.response_class = partial(_bounded, deadline)
        connection.request(method, self._path + path, body, self._headers)
        response = connection.getresponse()
        content = response.read(_MOST)
        if response.length and len(content) < _MOST:
            raise http.client.IncompleteRead(content, response.length)
        if not response.isclosed():  # there is more of it
            connection.close()
            self._open.connection = None
        if response.headers[SERVED_BY] == "cribsheet":
            raise ModelError(
                f"{self.address} is `cribsheet serve`, which runs compiled programs, and this file is one itself. Give "
                "the address of the server that runs its model, or ask the program there: POST /v1/programs/NAME."
            )
        location = response.headers["Location"]
        if location and 300 <= response.status < 400:
            raise redirected(self.address, Redirected(response.status, self.address + path, location))
        return Reply(response.status, content.decode("utf-8", errors="replace"))

    def _explained(self, error: Exception) -> ModelError:
        reason = reason_in(str(error).strip() or type(error).__name__)
        if "timed out" in reason:
            return TransientError(f"{self.address} gave no answer within {self.timeout:g} seconds.")
        if isinstance(error, OSError) and not isinstance(error, ConnectionResetError | BrokenPipeError):
            return UnreachableError(
                f"Nothing answers at {self.address}: {reason}. Start the server, or give --api-base."
            )
        return TransientError(f"{self.address} broke off: {reason}.")


def timeout_problem(seconds: float) -> str:
    """Return what is wrong with a time-out; empty if nothing is.

    >>> timeout_problem(0)
    'must be more than 0 and at most 1000000 seconds but is 0. Give 120, for example.'
    """
    if 0 < seconds <= LONGEST:  # false for NaN, too
        return ""
    return f"must be more than 0 and at most {LONGEST} seconds but is {seconds:g}. Give 120, for example."


def _left(deadline: float) -> float:
    """Return the seconds until a deadline; TimeoutError if it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _connect(connection: Any, deadline: float) -> None:
    """Open a connection before a deadline. Looking up a host's name has no time-out, so a separate thread does it."""
    errors: list[Exception] = []

    def connect() -> None:
        try:
            connection.connect()
        except (OSError, ValueError) as error:
            errors.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(_left(deadline))
    if thread.is_alive():
        raise TimeoutError("timed out")
    if errors:
        raise errors[0]


def _bounded(deadline: float, socket: Any, **options: Any) -> Any:
    """Return a response that is read until a deadline; a socket's own time-out bounds each read alone."""
    from http.client import HTTPResponse

    response = HTTPResponse(socket, **options)
    response.fp = io.BufferedReader(_Reading(response.fp.detach(), socket, deadline))
    return response


class _Reading(io.RawIOBase):
    """What comes from a socket until a deadline."""

    def __init__(self, source: io.RawIOBase, socket: Any, deadline: float):
        self._source, self._socket, self._deadline = source, socket, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(_left(self._deadline))
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


def patiently(ask: Callable[[], Answer], *, sleep: Callable[[float], None] = time.sleep) -> Answer:
    """Return what is asked for, and ask again after a fault that may pass, with longer and longer pauses.

    Raises:
        ModelError: the last fault, if every attempt met one; at once what does not pass.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return ask()
        except (TransientError, UnreachableError):
            from random import uniform  # here, for a module that meets no fault starts sooner without it

            sleep(uniform(0.5, 1.0) * _FIRST_PAUSE * 2**attempt)
    return ask()
