"""Ollama's endpoints, with the programs as models."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import AliasChoices, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

import cribsheet
from cribsheet.frozen.running import Run
from cribsheet.frozen.summary import usage_of
from cribsheet.serve.bodies import Form
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.facts import reply_of, text_of
from cribsheet.serve.inputs import inputs_of_text
from cribsheet.serve.programs import Served
from cribsheet.serve.refusals import Refusal
from cribsheet.serve.routes.chat import Message, last_text
from cribsheet.serve.serving import Serving
from cribsheet.serve.shares import may_decide

_LEVEL = "0.35.0"
"""The release of Ollama whose endpoints these are, because some clients compare it."""
_FAMILY = "cribsheet"
_TAG = "Ollama"
_STREAM = "application/x-ndjson"

Spoken = Callable[[str], dict[str, Any]]
"""Returns the part of a reply that holds the text, for one of the endpoints."""


class ChatRequest(Form):
    """A request of Ollama's chat. The frozen file decides how to sample, so that is not read here."""

    model: str
    """The name of a program."""
    messages: list[Message] | None = None
    """The chat, of which the last message of the user is read; without any, nothing is asked."""
    stream: bool | None = None
    """Whether to send lines of JSON; the default is true."""
    format: str | dict[str, Any] | None = None
    """`json` or a JSON Schema makes the text a JSON object of the outputs."""


class GenerateRequest(Form):
    """A request of Ollama's completion."""

    model: str
    """The name of a program."""
    prompt: str | None = None
    """The inputs; without them, nothing is asked."""
    stream: bool | None = None
    """Whether to send lines of JSON; the default is true."""
    format: str | dict[str, Any] | None = None
    """`json` or a JSON Schema makes the text a JSON object of the outputs."""
    images: list[str] | None = None
    """Must be empty, because programs read text only."""


class ShowRequest(Form):
    """A request for what is known about a model."""

    model: str = Field(validation_alias=AliasChoices("model", "name"))
    """The name of a program; `name` is the older word for it, which LiteLLM uses."""


def endpoints(serving: Serving) -> tuple[Endpoint, ...]:
    """Return the endpoints."""
    ollama = _Ollama(serving)
    media = ("application/json", _STREAM)
    return (
        Endpoint("/api/chat", ollama.chat, "Answer as Ollama's chat", _TAG, ChatRequest, media),
        Endpoint("/api/generate", ollama.generate, "Answer as Ollama's completion", _TAG, GenerateRequest, media),
        Endpoint("/api/show", ollama.show, "Describe a program as Ollama's model", _TAG, ShowRequest),
        Endpoint("/api/tags", ollama.tags, "List the programs as Ollama's models", _TAG),
        Endpoint("/api/ps", ollama.tags, "List the programs as Ollama's loaded models", _TAG),
        Endpoint("/api/version", ollama.version, "Tell the version", _TAG),
    )


class _Ollama:
    """Answers Ollama's clients."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def version(self, request: Request) -> Response:
        """Tell which release of Ollama these endpoints resemble."""
        return JSONResponse({"version": _LEVEL, "cribsheet": cribsheet.__version__})

    async def tags(self, request: Request) -> Response:
        """List the programs."""
        return JSONResponse({"models": [_tag(served) for served in self._serving.programs]})

    async def show(self, request: Request) -> Response:
        """Describe one program."""
        asked = await self._serving.bodies.read(request, ShowRequest)
        return JSONResponse(_shown(self._serving.program(asked.model, request)))

    async def chat(self, request: Request) -> Response:
        """Answer the last message of the user."""
        asked = await self._serving.bodies.read(request, ChatRequest)
        text = last_text(asked.messages) if asked.messages else None
        return await self._reply(asked, text, request, lambda said: {"message": {"role": "assistant", "content": said}})

    async def generate(self, request: Request) -> Response:
        """Answer the prompt."""
        asked = await self._serving.bodies.read(request, GenerateRequest)
        if asked.images:
            raise Refusal(422, "images are given, but programs read text only.", kind="invalid_inputs")
        return await self._reply(asked, asked.prompt, request, lambda said: {"response": said})

    async def _reply(
        self, asked: ChatRequest | GenerateRequest, text: str | None, request: Request, spoken: Spoken
    ) -> Response:
        started = time.perf_counter_ns()
        served = self._serving.program(asked.model, request)
        told = {"model": asked.model, "created_at": _written(datetime.now(UTC))}
        if not text:  # clients ask for nothing in order to have the model loaded
            return JSONResponse(told | spoken("") | {"done": True, "done_reason": "load"})
        inputs = inputs_of_text(text, served.signature.inputs)
        run = await self._serving.answer(served, inputs, request)
        said = text_of(run, as_json=bool(asked.format))
        last = {"done": True, "done_reason": "stop", **_usage(run, time.perf_counter_ns() - started)}
        last["cribsheet"] = reply_of(served, run)
        if asked.stream is False:
            return JSONResponse(told | spoken(said) | last)
        parts = (told | spoken(said) | {"done": False}, told | spoken("") | last)
        return StreamingResponse(_lines(parts), media_type=_STREAM)


def _lines(parts: tuple[dict[str, Any], ...]) -> Iterator[str]:
    """Yield the answer as lines of JSON. It is known by now, since a correction needs the whole of it."""
    for part in parts:
        yield json.dumps(part, ensure_ascii=False) + "\n"


def _usage(run: Run, nanoseconds: int) -> dict[str, int]:
    usage = usage_of(run)
    seconds = sum(completion.seconds for call in run.calls for _, completion in call.answer.completions)
    return {
        "total_duration": nanoseconds,
        "load_duration": 0,
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": 0,
        "eval_count": usage.completion_tokens,
        "eval_duration": int(seconds * 1e9),
    }


def _tag(served: Served) -> dict[str, Any]:
    return {
        "name": f"{served.name}:latest",
        "model": f"{served.name}:latest",
        "modified_at": _written(datetime.fromtimestamp(served.modified, UTC)),
        "size": served.size,
        "digest": served.digest,
        "details": _details(served),
    }


def _shown(served: Served) -> dict[str, Any]:
    frozen, told = served.runnable.frozen, served.signature.model_dump()
    known = {
        "general.architecture": _FAMILY,
        "general.basename": served.name,
        f"{_FAMILY}.context_length": frozen.model.context_window,
        f"{_FAMILY}.model": served.engine.model.name,
        f"{_FAMILY}.inputs": told["inputs"],
        f"{_FAMILY}.outputs": told["outputs"],
        f"{_FAMILY}.score": frozen.results.compiled.score,
    }
    decides = any(may_decide(frozen, field) for field in served.signature.outputs)
    return {
        "modelfile": f"# {served.name} is a compiled program of Cribsheet, not a Modelfile.\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _details(served),
        "model_info": known,
        "capabilities": ["completion", *(["decision"] if decides else [])],
        "modified_at": _written(datetime.fromtimestamp(served.modified, UTC)),
    }


def _details(served: Served) -> dict[str, Any]:
    return {
        "parent_model": served.engine.model.name,
        "format": "prompt.json",
        "family": _FAMILY,
        "families": [_FAMILY],
        "parameter_size": "",
        "quantization_level": "",
    }


def _written(moment: datetime) -> str:
    """Return a time of UTC as Ollama writes it."""
    return moment.isoformat().replace("+00:00", "Z")
