"""The endpoints for those who run a server: is it alive, is it ready, what has it done."""

from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import cribsheet
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.serving import Serving

_TAG = "operations"


def endpoints(serving: Serving) -> tuple[Endpoint, ...]:
    """Return the endpoints."""
    running = _Running(serving)
    return (
        Endpoint("/", running.root),
        Endpoint("/health", running.health, "Tell that the server runs", _TAG),
        Endpoint("/ready", running.ready, "Tell whether the programs can answer", _TAG),
        Endpoint("/metrics", running.metrics, "Figures for Prometheus", _TAG, media=("text/plain",)),
    )


class _Running:
    """Tells how the server does."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def root(self, request: Request) -> Response:
        """Say who answers; Ollama's clients ask here whether there is a server."""
        return JSONResponse({"server": "cribsheet", "version": cribsheet.__version__})

    async def health(self, request: Request) -> Response:
        """Answer as long as the server runs."""
        return JSONResponse({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Tell whether the programs can answer; the reasons are told to those only who may ask."""
        serving = self._serving
        status = "stopping" if serving.is_stopping else "starting" if serving.unready else "ready"
        body: dict[str, Any] = {"status": status}
        if not serving.keys.are_needed or serving.keys.is_known(request.scope):
            body |= {"models": serving.unready, "files": serving.programs.problems}
        return JSONResponse(body, 200 if status == "ready" else 503)

    async def metrics(self, request: Request) -> Response:
        """Return the figures."""
        return Response(self._serving.metrics.text(), media_type=CONTENT_TYPE_LATEST)
