"""Put the endpoints of a server together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import cribsheet
from cribsheet.errors import CribsheetError
from cribsheet.serve.gate import Gate, refused, reply_to
from cribsheet.serve.refusals import HungUp, Refusal
from cribsheet.serve.routes import chat, decisions, ollama, operations, programs
from cribsheet.serve.schema import openapi_of
from cribsheet.serve.serving import Serving
from cribsheet.serve.watching import watching


def app_of(serving: Serving) -> Gate:
    """Return the ASGI application of a server."""
    app = FastAPI(
        title="Cribsheet",
        version=cribsheet.__version__,
        description="Compiled programs as typed endpoints, decisions, and models of chat clients.",
        openapi_url=None,  # `openapi` below, because the schemas change when a file does
        docs_url=None,  # the pages that FastAPI has load scripts from other servers
        redoc_url=None,
        lifespan=_lifespan(serving),
        exception_handlers={
            Refusal: refused,
            CribsheetError: refused,
            HungUp: refused,
            HTTPException: _not_here,
            Exception: refused,
        },
    )
    for part in (programs, decisions, chat, ollama, operations):
        app.include_router(part.router(serving))

    async def openapi() -> Response:
        """Describe the endpoints."""
        return JSONResponse(openapi_of(app, serving.programs))

    app.add_api_route("/openapi.json", openapi, include_in_schema=False)
    return Gate(app, serving)


def _lifespan(serving: Serving) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with watching(serving):
            yield

    return lifespan


async def _not_here(request: Request, error: Any) -> Response:
    """Answer a request whose path or method there is not."""
    path, method = request.url.path, request.method
    words = {404: f"There is nothing at {path[:200]}.", 405: f"{path[:200]} does not take {method}."}
    message = f"{words.get(error.status_code, error.detail)} See /openapi.json."
    kind = "method_not_allowed" if error.status_code == 405 else "not_found"
    return reply_to(path, Refusal(error.status_code, message, kind=kind, headers=error.headers))
