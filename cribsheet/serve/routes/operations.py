"""The endpoints for those who run a server: is it alive, is it ready, what has it done."""

from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import cribsheet
from cribsheet.serve.serving import Serving


def router(serving: Serving) -> APIRouter:
    """Return the endpoints."""
    routes = APIRouter(tags=["operations"])
    running = _Running(serving)
    routes.add_api_route("/", running.root, methods=["GET", "HEAD"], include_in_schema=False)
    for path, told in (("/health", running.health), ("/ready", running.ready)):  # balancers ask with HEAD
        routes.add_api_route(path, told, methods=["HEAD"], include_in_schema=False)
    routes.add_api_route("/health", running.health, summary="Tell that the server runs")
    unready: dict[int | str, dict[str, Any]] = {
        503: {"description": "A model cannot answer yet, or the server is stopping."}
    }
    routes.add_api_route("/ready", running.ready, summary="Tell whether the programs can answer", responses=unready)
    metrics: dict[int | str, dict[str, Any]] = {200: {"content": {CONTENT_TYPE_LATEST: {}}}}
    routes.add_api_route(
        "/metrics",
        running.metrics,
        summary="Figures for Prometheus",
        response_class=Response,
        responses=metrics,
    )
    return routes


class _Running:
    """Tells how the server does."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def root(self) -> Response:
        """Say who answers; Ollama's clients ask here whether there is a server."""
        return JSONResponse({"server": "cribsheet", "version": cribsheet.__version__})

    async def health(self) -> Response:
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

    async def metrics(self) -> Response:
        """Return the figures."""
        return Response(self._serving.metrics.text(), media_type=CONTENT_TYPE_LATEST)
