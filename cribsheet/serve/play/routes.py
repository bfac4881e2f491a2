"""The page that tries programs, and what it asks for."""

import ipaddress
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cribsheet.dataset.row_files import RowFile
from cribsheet.errors import DataError
from cribsheet.frozen.running import Run
from cribsheet.outcomes import Value, to_json
from cribsheet.serve.endpoints import Answer, Endpoint
from cribsheet.serve.inputs import check_names, coerced
from cribsheet.serve.play.deciding import told
from cribsheet.serve.play.describing import description_of
from cribsheet.serve.play.examples import Examples, examples_of
from cribsheet.serve.play.ways import WAYS
from cribsheet.serve.programs import Served
from cribsheet.serve.refusals import Refusal
from cribsheet.serve.serving import Serving
from cribsheet.signature import with_defaults

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'"
DEFAULT_PORT = 8378
"""The port of the page if none is given."""
_PORT = re.compile(r":[0-9]+$")
_LOCAL = frozenset({"localhost", ""})


class Asked(BaseModel):
    """The body of a request for one answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    way: str
    """A name in `WAYS`."""
    inputs: dict[str, Any]
    """The program's inputs by name; a text is read as its field's type."""


class Labelled(BaseModel):
    """The body of a request to keep a row."""

    model_config = ConfigDict(extra="forbid", strict=True)

    inputs: dict[str, Any]
    """The program's inputs by name."""
    outputs: dict[str, Any]
    """The right outputs by name."""


def play_endpoints(serving: Serving, rows: Path | None) -> list[Endpoint]:
    """Return the endpoints; kept rows go to `rows`, or to a file `NAME.rows.jsonl` of each program."""
    play = _Play(serving, rows)
    pages = [Endpoint(path, _page(name)) for path, name in _PAGES.items()]
    asked = [
        Endpoint("/play/programs", play.programs),
        Endpoint("/play/programs/{name}/examples", play.examples),
        Endpoint("/play/programs/{name}/ask", play.ask, form=Asked),
        Endpoint("/play/programs/{name}/rows", play.keep, form=Labelled),
    ]
    return [replace(one, answer=_local(one.answer, serving.options.host)) for one in (*pages, *asked)]


_PAGES = {"/": "play.html", "/play/play.css": "play.css", "/play/play.js": "play.js", "/play/cards.js": "cards.js"}


class _Play:
    """Answers the page."""

    def __init__(self, serving: Serving, rows: Path | None) -> None:
        self._serving, self._path = serving, rows
        self._examples: dict[tuple[Path, str], Examples] = {}

    async def programs(self, request: Request) -> Response:
        """Describe all programs."""
        shown = [
            description_of(one, WAYS, examples=self._examples_of(one), rows=self._path_of(one))
            for one in self._serving.programs
        ]
        return JSONResponse({"programs": shown})

    async def examples(self, request: Request) -> Response:
        """Return the test rows of a program."""
        served = self._serving.program(request.path_params["name"], request)
        return JSONResponse({"examples": self._examples_of(served).rows})

    async def ask(self, request: Request) -> Response:
        """Answer one row in one way."""
        served, asked = await self._serving.asked(request, Asked)
        if asked.way not in WAYS:
            raise Refusal(422, f"There is no way {asked.way[:80]!r}. Use {', '.join(WAYS)}.", kind="invalid_request")
        inputs = _typed(asked.inputs, served)
        frozen = WAYS[asked.way].made(served.runnable.frozen, served.engine.model)
        started = time.perf_counter()
        run = await self._run(replace(served, runnable=served.runnable.with_frozen(frozen)), inputs, request)
        shown = told(run, frozen, served.signature, inputs)
        return JSONResponse(shown | {"elapsed": time.perf_counter() - started})

    async def _run(self, served: Served, inputs: Mapping[str, Value], request: Request) -> Run:
        return await self._serving.answering.answer(served, inputs, request)

    async def keep(self, request: Request) -> Response:
        """Append a row to the trainset."""
        served, row = await self._serving.asked(request, Labelled)
        inputs = {name: to_json(value) for name, value in _typed(row.inputs, served).items()}
        try:
            rows = RowFile(self._path_of(served), served.signature)
            is_new = rows.add(inputs | row.outputs)
        except DataError as error:
            raise Refusal(422, str(error), kind="invalid_row") from None
        return JSONResponse({"is_new": is_new, "file": str(rows.path), "count": len(rows)})

    def _path_of(self, served: Served) -> Path:
        return self._path or Path(f"{served.name}.rows.jsonl")

    def _examples_of(self, served: Served) -> Examples:
        """Return the test rows of this version of the file."""
        version = (served.path, served.digest)
        if version not in self._examples:
            self._examples[version] = examples_of(served.path, served.runnable.frozen, served.signature)
        return self._examples[version]


def _typed(given: Mapping[str, Any], served: Served) -> dict[str, Value]:
    fields = served.signature.inputs
    given = with_defaults(fields, given)
    check_names(given, fields)
    return {field.name: coerced(field, given[field.name]) for field in fields}


def _page(name: str) -> Answer:
    """Return what answers with a file of the page."""

    async def answer(request: Request) -> Response:
        content = resources.files("cribsheet.serve.play").joinpath("page", name).read_bytes()
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)

    return answer


def _local(answer: Answer, host: str) -> Answer:
    """Refuse a request that was sent to another name than the server's own.

    A page of another site can make its own name lead to this machine, and would then be allowed to read the answers.
    """

    async def checked(request: Request) -> Response:
        name = _host_of(request.headers.get("host", ""))
        if not (name in _LOCAL or name == host.casefold() or _is_address(name)):
            raise Refusal(403, f"The page is not at {name[:80]!r}. Use an address, or localhost.", kind="wrong_host")
        return await answer(request)

    return checked


def _host_of(told: str) -> str:
    """Return the name in a header `Host`, without its port and the brackets of IPv6.

    Starlette's own reading of a malformed one is this server's address, and that is always allowed.
    """
    name = _PORT.sub("", told.casefold())
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
