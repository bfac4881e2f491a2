"""What the routes of a server share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from cribsheet.frozen.running import Run, unreadable
from cribsheet.frozen.summary import usage_of
from cribsheet.layout.parsing import ParseFailure
from cribsheet.serve.answering import Answering, Inputs
from cribsheet.serve.bodies import Bodies
from cribsheet.serve.engines import Engines
from cribsheet.serve.facts import outcomes_of, outputs_of
from cribsheet.serve.inputs import example_of
from cribsheet.serve.keeping import Keeper, hook_named
from cribsheet.serve.keys import Keys
from cribsheet.serve.metrics import Metrics
from cribsheet.serve.options import Options
from cribsheet.serve.programs import Programs, Served
from cribsheet.serve.refusals import Refusal

_Body = TypeVar("_Body", bound=BaseModel)

CALL = "cribsheet.call"
"""The key of a request's scope under which its `Call` stands."""


@dataclass
class Call:
    """What the log and the metrics say about one request."""

    endpoint: str = "other"
    """The path of its endpoint; `other` if there is none, because an unknown path may hold an input."""
    program: str = ""
    """The program that was asked; empty for other requests."""
    status: int = 0
    """The status of the reply; 0 as long as there is none."""
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    """The inputs and outputs, if they are logged."""


class Serving:
    """A server's programs and limits, and how to answer with them."""

    def __init__(self, options: Options, programs: Programs, engines: Engines) -> None:
        self.options = options
        self.programs = programs
        self.engines = engines
        self.keys = Keys(options.keys)
        self.bodies = Bodies(max_bytes=options.max_bytes, timeout=options.timeout)
        self.metrics = Metrics(programs, engines)
        self.answering = Answering(timeout=options.timeout)
        self.in_progress = 0
        """How many requests are being answered."""
        self.is_stopping = False
        """Whether new requests are refused, because the server stops."""
        self.last_asked = 0.0
        """When the last request came, in seconds of the monotonic clock."""
        self.unready: dict[str, str] = {}
        """Why a model cannot answer yet, by the model's name."""
        self._keeper = _keeper_of(options)

    def program(self, name: str, request: Request) -> Served:
        """Return the program that a request asks for, and note its name for the log."""
        served = self.programs.get(name)
        call_of(request).program = served.name
        return served

    async def asked(self, request: Request, form: type[_Body], *, example: str = "") -> tuple[Served, _Body]:
        """Return the program that the path names, and the body.

        `example` is shown if the body does not fit; `{inputs}` in it stands for the inputs of the program.

        A body may take longer than the reload of a file, so it is the version that answers once the body is there.
        """
        name = request.path_params["name"]
        served = self.program(name, request)  # if there is none, nothing of the body needs to be read
        shown = example.replace("{inputs}", example_of(served.signature.inputs))
        body = await self.bodies.read(request, form, example=shown)
        return self.program(name, request), body

    async def answer(self, served: Served, inputs: Inputs, request: Request) -> Run:
        """Return the run for one row; its outputs can be read.

        Raises:
            UnreadableCompletionError: if the model's text holds no values.
            and what `Answering.answer` raises.
        """
        run = await self.answering.answer(served, inputs, request)
        if isinstance(run.outputs, ParseFailure):
            raise unreadable(run.outputs, run.text)
        self._note(served, inputs, run, request)
        return run

    async def answer_all(self, served: Served, rows: Sequence[Inputs], request: Request) -> list[Run | Exception]:
        """Return the run, or the error, for each row."""
        runs = [_readable(one) for one in await self.answering.answer_all(served, rows, request)]
        for inputs, run in zip(rows, runs, strict=True):
            if isinstance(run, Run):
                self._note(served, inputs, run, request)
        return runs

    def _note(self, served: Served, inputs: Inputs, run: Run, request: Request) -> None:
        self.metrics.count_answer(served.name, outcomes_of(served.signature, outputs_of(run)), usage_of(run))
        if self.options.log_inputs:
            call_of(request).exchanges.append({"inputs": dict(inputs), "run": run})
        if self._keeper:
            self._keeper.keep(served, dict(inputs), run)

    def close(self) -> None:
        """Release the models, and write the calls that are still to be kept."""
        self.engines.close()
        if self._keeper:
            self._keeper.close()


def _readable(one: Run | Exception) -> Run | Exception:
    if isinstance(one, Run) and isinstance(one.outputs, ParseFailure):
        return unreadable(one.outputs, one.text)
    return one


def _keeper_of(options: Options) -> Keeper | None:
    if options.keep is None:
        return None
    hook = hook_named(options.redact) if options.redact else None
    return Keeper(options.keep, most=options.keep_bytes, redact=hook)


def call_of(request: Request) -> Call:
    """Return what the log says about a request."""
    call: Call = request.scope[CALL]
    return call


def whole_text(content: Any) -> str:
    """Return the text of a message, whose content is a text or a list of parts.

    Raises:
        Refusal: if a part is an image or something else that a program cannot read.
    """
    if isinstance(content, str):
        return content
    texts = []
    for part in content or ():
        if not (isinstance(part, dict) and isinstance(part.get("text"), str)):
            raise Refusal(422, "A part of the message is no text. Programs read text only.", kind="invalid_inputs")
        texts.append(part["text"])
    return "\n".join(texts)
