"""Check, log and count every request, as the outermost layer of a server."""

import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cribsheet.errors import CribsheetError
from cribsheet.outcomes import to_json
from cribsheet.serve.answering import stopping
from cribsheet.serve.bodies import swallow
from cribsheet.serve.facts import outputs_of
from cribsheet.serve.log import LOG, place_of
from cribsheet.serve.refusals import HungUp, Refusal, refusal_of
from cribsheet.serve.serving import CALL, Call, Serving

OPEN_PATHS = frozenset({"/", "/health", "/ready"})
"""The paths that need no key and that a stopping server still answers."""
_OLLAMA = "/api/"


class Gate:
    """Lets requests in, and tells the log and the metrics about them."""

    def __init__(self, app: ASGIApp, serving: Serving) -> None:
        self._app, self._serving = app, serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, call = time.perf_counter(), Call()
        scope[CALL] = call

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
            await send(message)

        self._serving.in_progress += 1
        self._serving.last_asked = time.monotonic()
        try:
            await self._answer(scope, receive, sending)
        finally:
            self._serving.in_progress -= 1
            self._tell(scope, call, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        call: Call = scope[CALL]
        try:
            self._admit(scope)
            await self._app(scope, receive, send)
        except HungUp as error:
            call.status = call.status or error.status
        except Exception as error:  # noqa: BLE001 - whatever happens, the client gets JSON and the server goes on
            if not call.status:
                await swallow(receive)
                await reply_to(scope["path"], refusal_for(error))(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        if scope["path"] in OPEN_PATHS:
            return
        if self._serving.is_stopping:
            raise stopping()
        self._serving.keys.check(scope)

    def _tell(self, scope: Scope, call: Call, seconds: float) -> None:
        told = (call.endpoint, call.program)
        self._serving.metrics.count_request(*told, status=call.status, seconds=seconds)
        LOG.info("%s %s %s %s %.1f ms", scope["method"], told[0], told[1] or "-", call.status, 1000 * seconds)
        if self._serving.options.log_inputs:
            for exchange in call.exchanges:
                LOG.info("%s %s", call.program, _shown(exchange))


def refusal_for(error: Exception) -> Refusal:
    """Return the refusal for any error; the log tells of those that nobody foresaw, without their message."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, CribsheetError):
        return refusal_of(error)
    LOG.error("%s at %s", type(error).__name__, place_of(error))
    return Refusal(
        500,
        f"The server failed with {type(error).__name__}. Its log says in which line. Please report it.",
        kind="internal_error",
    )


def reply_to(path: str, refusal: Refusal) -> Response:
    """Return the reply of a refusal, in the form that the clients of a path read."""
    body: dict[str, Any] = {"error": refusal.message}
    if not path.startswith(_OLLAMA):
        body = {
            "error": {"message": refusal.message, "type": refusal.kind, "code": refusal.kind, "param": refusal.param}
        }
    return JSONResponse(body, refusal.status, headers=refusal.headers)


async def refused(request: Request, error: Exception) -> Response:
    """Answer a request that a route refused."""
    if isinstance(error, HungUp):
        raise error
    return reply_to(request.url.path, refusal_for(error))


def _shown(exchange: dict[str, Any]) -> str:
    sides = {"inputs": exchange["inputs"], "outputs": outputs_of(exchange["run"])}
    told = {side: {name: to_json(value) for name, value in values.items()} for side, values in sides.items()}
    return json.dumps(told, ensure_ascii=False)
