"""The typed endpoints: a program's inputs as JSON in, its outputs as JSON out."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cribsheet.errors import CribsheetError
from cribsheet.frozen.running import Run
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.facts import reply_of
from cribsheet.serve.gate import refusal_for
from cribsheet.serve.inputs import inputs_of_json
from cribsheet.serve.programs import Served
from cribsheet.serve.refusals import HungUp, Refusal
from cribsheet.serve.schema import MOST_ROWS
from cribsheet.serve.serving import Serving


class Row(BaseModel):
    """The body of a request for one answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    inputs: dict[str, Any]
    """The program's inputs by name."""


class Rows(BaseModel):
    """The body of a request for many answers."""

    model_config = ConfigDict(extra="forbid", strict=True)

    inputs: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_ROWS)
    """The program's inputs by name, for each row."""


def endpoints(serving: Serving) -> tuple[Endpoint, ...]:
    """Return the typed endpoints. Their schemas depend on the files, so `cribsheet.serve.schema` describes them."""
    typed = _Typed(serving)
    return (
        Endpoint("/v1/programs", typed.all),
        Endpoint("/v1/programs/{name}:batch", typed.batch, form=Rows),
        Endpoint("/v1/programs/{name}", typed.one, form=Row),
    )


class _Typed:
    """Answers the typed endpoints."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def all(self, request: Request) -> Response:
        """List the programs with their signatures and scores."""
        return JSONResponse({"programs": [description_of(served) for served in self._serving.programs]})

    async def one(self, request: Request) -> Response:
        """Answer one row."""
        served, row = await self._serving.asked(request, Row, example='{"inputs": {inputs}}')
        inputs = inputs_of_json(row.inputs, served.signature.inputs)
        return JSONResponse(reply_of(served, await self._serving.answer(served, inputs, request)))

    async def batch(self, request: Request) -> Response:
        """Answer many rows; a row that fails has an error in its place."""
        served, rows = await self._serving.asked(request, Rows, example='{"inputs": [{inputs}]}')
        inputs = [_inputs(served, place, row) for place, row in enumerate(rows.inputs)]
        answers = await self._serving.answer_all(served, inputs, request)
        return JSONResponse({"answers": [_answer(served, one) for one in answers]})


def _inputs(served: Served, place: int, row: dict[str, Any]) -> dict[str, Any]:
    try:
        return inputs_of_json(row, served.signature.inputs)
    except Refusal as refusal:
        raise Refusal(refusal.status, f"inputs.{place}: {refusal.message}", kind=refusal.kind) from None


def _answer(served: Served, one: Run | Exception) -> dict[str, Any]:
    if isinstance(one, Run):
        return reply_of(served, one)
    if isinstance(one, HungUp) or not isinstance(one, Refusal | CribsheetError):
        raise one
    refusal = refusal_for(one)
    return {"program": served.name, "error": {"message": refusal.message, "type": refusal.kind}}


def description_of(served: Served) -> dict[str, Any]:
    """Return what a program takes and gives, what it was compiled for, and its score."""
    frozen, told = served.runnable.frozen, served.signature.model_dump()
    return {
        "name": served.name,
        "task": frozen.task,
        "inputs": told["inputs"],
        "outputs": told["outputs"],
        "model": served.engine.model.name,
        "compiled_for": frozen.model.name,
        "metric": frozen.results.metric,
        "score": frozen.results.compiled.model_dump(),
        "sha256": served.digest,
    }
