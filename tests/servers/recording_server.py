"""A base class for HTTP test servers, which records the requests."""

import json
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

HANG_UP = 0
"""Used instead of a status to close the connection without an answer."""


class Request(NamedTuple):
    """One request of a client."""

    method: str
    path: str
    body: dict[str, Any]


class RecordingServer:
    """A server on a loopback port that runs inside a `with` block. Subclasses define its answers.

    The (status, body) pairs in `faults` are the answers to the first requests, one each. If the status is from 300 to
    399, the text of the body is sent as the header `Location` instead. `headers` are sent with every answer. `delay` is
    the number of seconds before each answer. `prints` prints each request and its answer. `port` 0 chooses a free port.
    """

    def __init__(self, *, delay: float = 0.0, prints: bool = False, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.faults: deque[tuple[int, object]] = deque()
        self.headers: dict[str, str] = {}
        self.delay = delay
        self.prints = prints
        self.peak = 0
        """The largest number of requests that were in flight at the same time."""
        self._in_flight = 0
        self._lock = threading.Lock()
        self._server = _server_for(self, port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        """Return the status and the body of the answer to a request; the body is JSON, text or bytes."""
        raise NotImplementedError

    def respond(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        with self._lock:
            self.requests.append(Request(method, path, body))
            self._in_flight += 1
            self.peak = max(self.peak, self._in_flight)
            fault = self.faults.popleft() if self.faults else None
        try:
            time.sleep(self.delay)
            status, reply = fault or self.answer(method, path, body)
            if self.prints:
                print(f"{method} {path} {body or ''} -> {status} {reply!r}", flush=True)
            return status, reply
        finally:
            with self._lock:
                self._in_flight -= 1

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _server_for(recorder: RecordingServer, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise each answer waits 40 ms for a delayed acknowledgement

        def do_GET(self) -> None:
            self._respond({})

        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            body = self.rfile.read(size)
            if len(body) == size:  # else the client has hung up
                self._respond(json.loads(body))

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing, to keep the tests' output clean."""

        def _respond(self, body: dict[str, Any]) -> None:
            status, reply = recorder.respond(self.command, self.path, body)
            if status == HANG_UP:
                self.close_connection = True
                return
            is_text = isinstance(reply, str | bytes)
            location, reply = (str(reply), "") if 300 <= status < 400 else ("", reply)
            content = reply if isinstance(reply, bytes) else (reply if is_text else json.dumps(reply)).encode()
            with suppress(ConnectionError):  # a client that timed out has hung up
                self.send_response(status)
                self.send_header("Content-Type", "text/plain" if is_text else "application/json")
                for name, value in recorder.headers.items():
                    self.send_header(name, value)
                if location:
                    self.send_header("Location", location)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 64

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Print no traceback if a client broke off its connection."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    return Server(("127.0.0.1", port), Handler)
