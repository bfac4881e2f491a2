"""Put the endpoints of a server together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cribsheet.errors import CribsheetError
from cribsheet.serve.endpoints import Answer, Endpoint
from cribsheet.serve.gate import Gate, refused, reply_to
from cribsheet.serve.refusals import HungUp, Refusal
from cribsheet.serve.routes import chat, completions, decisions, ollama, operations, programs
from cribsheet.serve.schema import openapi_of
from cribsheet.serve.serving import Serving, call_of
from cribsheet.serve.watching import watching


def app_of(serving: Serving, further: Sequence[Endpoint] = ()) -> Gate:
    """Return the ASGI application of a server; of two endpoints at one path, the further one counts."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with watching(serving):
            yield

    handlers: dict[Any, Any] = dict.fromkeys((Refusal, CribsheetError, HungUp, Exception), refused)
    handlers |= dict.fromkeys((404, 405), _not_here)
    routes = [Route(one.path, _noted(one), methods=one.methods) for one in (*further, *endpoints_of(serving))]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Gate(app, serving)


def endpoints_of(serving: Serving) -> list[Endpoint]:
    """Return all endpoints of a server."""
    parts = (programs, decisions, chat, completions, ollama, operations)
    endpoints = [one for part in parts for one in part.endpoints(serving)]

    async def openapi(_request: Request) -> Response:
        return JSONResponse(openapi_of(endpoints, serving.programs))

    return [*endpoints, Endpoint("/openapi.json", openapi)]


def _noted(endpoint: Endpoint) -> Answer:
    """Return what answers for an endpoint, and notes its path for the log."""

    async def answer(request: Request) -> Response:
        call_of(request).endpoint = endpoint.path
        return await endpoint.answer(request)

    return answer


async def _not_here(request: Request, error: Any) -> Response:
    """Answer a request for a path or a method that there is not."""
    path, method, status = request.url.path, request.method, error.status_code
    reason = f"{path[:200]} does not take {method}." if status == 405 else f"There is nothing at {path[:200]}."
    kind = "method_not_allowed" if status == 405 else "not_found"
    return reply_to(path, Refusal(status, f"{reason} See /openapi.json.", kind=kind, headers=error.headers))
