"""OpenAI's chat completions and models, with the programs as models."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from cribsheet.frozen.running import Run
from cribsheet.frozen.summary import usage_of
from cribsheet.serve.bodies import Form
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.facts import reply_of, text_of
from cribsheet.serve.inputs import inputs_of_text
from cribsheet.serve.programs import Served
from cribsheet.serve.refusals import Refusal
from cribsheet.serve.serving import Serving, whole_text

TAG = "OpenAI"
EVENTS = "text/event-stream"


class Message(Form):
    """One message of a chat."""

    role: str
    """Who wrote it; the last message of the role `user` holds the inputs."""
    content: str | list[dict[str, Any]] | None = None
    """Its text, or parts that have a `text`."""


class StreamOptions(Form):
    """What a stream has besides the text."""

    include_usage: bool | None = None
    """Whether the last chunk has the token counts."""


class ResponseFormat(Form):
    """The form of the text."""

    type: Literal["text", "json_object", "json_schema"]
    """`text`, or a JSON object of the outputs."""


class ChatRequest(Form):
    """A request of OpenAI's chat completions. The frozen file decides how to sample, so that is not read here."""

    model: str
    """The name of a program."""
    messages: list[Message] = Field(min_length=1)
    """The chat, of which the last message of the user is read."""
    stream: bool | None = None
    """Whether to send chunks."""
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    n: int | None = Field(default=None, ge=1)
    """How many answers to give; a program has one."""


def endpoints(serving: Serving) -> tuple[Endpoint, ...]:
    """Return the endpoints."""
    chat = _Chat(serving)
    about = "Answer as OpenAI's chat completions"
    return (
        Endpoint("/v1/chat/completions", chat.complete, about, TAG, ChatRequest, ("application/json", EVENTS)),
        Endpoint("/v1/models", chat.models, "List the programs as OpenAI's models", TAG),
        Endpoint("/v1/models/{name}", chat.model, "Describe a program as OpenAI's model", TAG),
    )


class _Chat:
    """Answers OpenAI's clients."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def models(self, request: Request) -> Response:
        """List the programs."""
        return JSONResponse({"object": "list", "data": [_model(served) for served in self._serving.programs]})

    async def model(self, request: Request) -> Response:
        """Describe one program."""
        return JSONResponse(_model(self._serving.program(request.path_params["name"], request)))

    async def complete(self, request: Request) -> Response:
        """Answer the last message of the user."""
        asked = await self._serving.bodies.read(request, ChatRequest)
        served = self._serving.program(asked.model, request)
        if asked.n not in (None, 1):
            raise Refusal(422, f"n is {asked.n}, but a program has one answer. Leave it out.", kind="invalid_request")
        inputs = inputs_of_text(last_text(asked.messages), served.signature.inputs)
        run = await self._serving.answer(served, inputs, request)
        told = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": asked.model}
        is_json = asked.response_format is not None and asked.response_format.type != "text"
        text = text_of(run, as_json=is_json)
        if not asked.stream:
            return JSONResponse(told | _whole(served, run, text))
        has_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return StreamingResponse(_events(told, text, run if has_usage else None), media_type=EVENTS)


def last_text(messages: list[Message]) -> str:
    """Return the text of the user's last message; a program sees nothing of what came before.

    Raises:
        Refusal: if there is none.
    """
    own = [message for message in messages if message.role == "user"]
    if not own:
        raise Refusal(422, "No message has the role 'user'. Send the inputs in one.", kind="invalid_request")
    return whole_text(own[-1].content)


def _whole(served: Served, run: Run, text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    reply = {"object": "chat.completion", "choices": [choice], "usage": usage_told(run)}
    return reply | {"cribsheet": reply_of(served, run)}


def _events(told: dict[str, Any], text: str, counted: Run | None) -> Iterator[str]:
    """Yield the answer as server-sent events. It is known by now, since a correction needs the whole of it."""
    told = told | {"object": "chat.completion.chunk"}
    for delta, reason in (({"role": "assistant", "content": ""}, None), ({"content": text}, None), ({}, "stop")):
        yield event(told | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]})
    if counted is not None:
        yield event(told | {"choices": [], "usage": usage_told(counted)})
    yield "data: [DONE]\n\n"


def event(content: dict[str, Any]) -> str:
    """Return one server-sent event."""
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"


def usage_told(*runs: Run) -> dict[str, Any]:
    """Return the tokens of all requests of the runs, in OpenAI's form."""
    usages = [usage_of(run) for run in runs]
    read, wrote = sum(one.prompt_tokens for one in usages), sum(one.completion_tokens for one in usages)
    return {
        "prompt_tokens": read,
        "completion_tokens": wrote,
        "total_tokens": read + wrote,
        "prompt_tokens_details": {"cached_tokens": sum(one.cached_tokens or 0 for one in usages)},
    }


def _model(served: Served) -> dict[str, Any]:
    return {
        "id": served.name,
        "object": "model",
        "created": int(served.modified),
        "owned_by": "cribsheet",
        "description": served.signature.instructions or served.runnable.frozen.task,
        "digest": served.digest,
    }
