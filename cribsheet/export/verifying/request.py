"""Fill a written request body, and send it to a server."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cribsheet.corrections import Answer
from cribsheet.errors import ModelError
from cribsheet.export._shell import fill
from cribsheet.export.llamacpp import SERVER
from cribsheet.export.openai import server_of
from cribsheet.export.standalone.dialects import granted
from cribsheet.export.standalone.replies import read_openai
from cribsheet.export.standalone.server import Server, patiently
from cribsheet.export.verifying._base import Deployment, Inputs, one_by_one
from cribsheet.frozen.running import Run, written_answer
from cribsheet.models import Completion
from cribsheet.models._openai_replies import UnreadableReply, rebuilt
from cribsheet.models._refusals import Refused
from cribsheet.models.addresses import read_address
from cribsheet.prompts import Prompt

_TIMEOUT = 120.0  # seconds that one answer may take
Json = Mapping[str, Any]


def send_to_openai(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row, as an OpenAI-compatible server answers the request."""
    usual, _ = server_of(deployment.source)
    with deployment.address() as address:
        url = _url(address or usual)
        server = _server(url if "/" in url.partition("://")[2] else f"{url}/v1")
        yield from _sent(deployment, rows, server, raw="/completions", chat="/chat/completions")


def send_to_llamacpp(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row, as llama.cpp's own server answers the request."""
    with deployment.address() as address:
        server = _server(_url(address or SERVER).removesuffix("/v1"))
        yield from _sent(deployment, rows, server, raw="/completion", chat="/v1/chat/completions")


def _url(address: str) -> str:
    return read_address(address, dialect="openai", source="--api-base")


def _server(address: str) -> Server:
    return Server(address, key=os.environ.get("OPENAI_API_KEY"), timeout=_TIMEOUT)


def _sent(
    deployment: Deployment, rows: Sequence[Inputs], server: Server, *, raw: str, chat: str
) -> Iterator[Run | str]:
    body, marks = json.loads(deployment.text()), deployment.source.opened.placeholders()
    if "model" in body and deployment.served_name:
        body["model"] = deployment.served_name

    def answer(inputs: Mapping[str, str]) -> Answer:
        request = _filled(body, marks, inputs)
        prompt = Prompt(messages=request.get("messages", ()), text=request.get("prompt", ""), stop=request["stop"])
        reply = _asked(server, chat if prompt.is_chat else raw, request)
        return written_answer(deployment.source.prompt, prompt, _read(server, reply, prompt))

    return one_by_one(deployment, rows, answer)


def _filled(body: Json, marks: Mapping[str, str], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Return the request with the inputs in it, where the `jq` command of the usage puts them."""
    if "prompt" in body:
        return {**body, "prompt": fill(body["prompt"], marks, inputs)}
    *before, last = body["messages"]
    return {**body, "messages": [*before, {**last, "content": fill(last["content"], marks, inputs)}]}


def _asked(server: Server, path: str, request: Json) -> Json:
    try:
        return patiently(lambda: granted(server.post(path, request), server.address, request.get("model", "")))
    except Refused as refused:
        raise refused.failure.error from None


def _read(server: Server, reply: Json, prompt: Prompt) -> Completion:
    if "choices" not in reply and "content" in reply:  # llama.cpp's own form
        reply = {"choices": [{"text": reply["content"]}]}
    try:
        return read_openai(rebuilt(reply, is_chat=prompt.is_chat), prompt)
    except (UnreadableReply, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{server.address} gave an answer that is no completion: {error}. Check --api-base."
        ) from error
