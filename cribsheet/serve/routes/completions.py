"""OpenAI's completions, with the programs as models and the prompt as their inputs."""

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from cribsheet.frozen.running import Run
from cribsheet.serve.bodies import Form
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.facts import reply_of, text_of
from cribsheet.serve.inputs import inputs_of_text
from cribsheet.serve.programs import Served
from cribsheet.serve.refusals import Refusal
from cribsheet.serve.routes.chat import EVENTS, TAG, StreamOptions, event, usage_told
from cribsheet.serve.schema import MOST_ROWS
from cribsheet.serve.serving import Serving


class CompletionRequest(Form):
    """A request of OpenAI's completions. The frozen file decides how to sample, so that is not read here."""

    model: str
    """The name of a program."""
    prompt: str | list[str] | list[int] | list[list[int]]
    """The inputs of one row, or of several rows; tokens are refused, because a program has its own prompt."""
    stream: bool | None = None
    """Whether to send chunks."""
    stream_options: StreamOptions | None = None
    n: int | None = Field(default=None, ge=1)
    """How many answers to give; a program has one."""
    best_of: int | None = Field(default=None, ge=1)
    """How many answers to choose from; a program has one."""
    echo: bool | None = None
    """Whether to repeat the prompt; a program's prompt is not the one that was sent, so this is refused."""
    suffix: str | None = None
    """What follows the answer; refused, because a program has its own prompt."""


def endpoints(serving: Serving) -> tuple[Endpoint, ...]:
    """Return the endpoint."""
    about, media = "Answer as OpenAI's completions", ("application/json", EVENTS)
    return (Endpoint("/v1/completions", _Completions(serving).complete, about, TAG, CompletionRequest, media),)


class _Completions:
    """Answers clients that complete a text."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def complete(self, request: Request) -> Response:
        """Answer each prompt."""
        asked = await self._serving.bodies.read(request, CompletionRequest)
        served = self._serving.program(asked.model, request)
        _check(asked)
        rows = [inputs_of_text(text, served.signature.inputs) for text in _texts(asked.prompt)]
        runs = [_run(one) for one in await self._serving.answer_all(served, rows, request)]
        told = {"id": f"cmpl-{uuid.uuid4().hex}", "object": "text_completion", "created": int(time.time())}
        told["model"] = asked.model
        if not asked.stream:
            return JSONResponse(told | _whole(served, runs))
        has_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return StreamingResponse(_events(told, runs, has_usage=has_usage), media_type=EVENTS)


def _check(asked: CompletionRequest) -> None:
    """Refuse what a program cannot do."""
    for name, value in (("n", asked.n), ("best_of", asked.best_of)):
        if value not in (None, 1):
            raise _refused(f"{name} is {value}, but a program has one answer. Leave it out.")
    for name, given in (("echo", asked.echo), ("suffix", asked.suffix)):
        if given:
            raise _refused(f"{name} is given, but a program sends the model its own prompt. Leave it out.")


def _texts(prompt: str | Sequence[Any]) -> list[str]:
    """Return the prompts as texts."""
    texts = [prompt] if isinstance(prompt, str) else list(prompt)
    if not all(isinstance(text, str) for text in texts):
        raise _refused("The prompt has token ids, but a program reads text. Send the inputs as text.")
    if not 1 <= len(texts) <= MOST_ROWS:
        raise _refused(f"There are {len(texts)} prompts. Send 1 to {MOST_ROWS}.")
    return texts


def _run(one: Run | Exception) -> Run:
    """Return the run; a request with a row that fails gets no answer."""
    if isinstance(one, Exception):
        raise one
    return one


def _whole(served: Served, runs: Sequence[Run]) -> dict[str, Any]:
    choices = [_choice(place, text_of(run, as_json=False), "stop") for place, run in enumerate(runs)]
    typed = [reply_of(served, run) for run in runs]
    return {"choices": choices, "usage": usage_told(*runs), "cribsheet": typed[0] if len(typed) == 1 else typed}


def _events(told: dict[str, Any], runs: Sequence[Run], *, has_usage: bool) -> Iterator[str]:
    """Yield the answers as server-sent events. They are known by now, since a correction needs the whole of each."""
    for place, run in enumerate(runs):
        yield event(told | {"choices": [_choice(place, text_of(run, as_json=False), None)]})
        yield event(told | {"choices": [_choice(place, "", "stop")]})
    if has_usage:
        yield event(told | {"choices": [], "usage": usage_told(*runs)})
    yield "data: [DONE]\n\n"


def _choice(place: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": place, "logprobs": None, "finish_reason": reason}


def _refused(message: str) -> Refusal:
    return Refusal(422, message, kind="invalid_request")
