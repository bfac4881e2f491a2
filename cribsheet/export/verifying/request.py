"""Fill a written request body, and send it to a server."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cribsheet.corrections import Answer
from cribsheet.errors import ModelError
from cribsheet.export._shell import fill
from cribsheet.export.openai import server_of
from cribsheet.export.standalone.dialects import granted
from cribsheet.export.standalone.replies import read_openai
from cribsheet.export.standalone.server import Server, patiently
from cribsheet.export.verifying._base import Deployment, Inputs, one_by_one, openai_address
from cribsheet.frozen.running import Run
from cribsheet.frozen.writing import written_answer
from cribsheet.models import Completion
from cribsheet.models._api_keys import checked_key
from cribsheet.models._openai_replies import UnreadableReply, rebuilt
from cribsheet.models._refusals import Refused
from cribsheet.models.addresses import LLAMA_SERVER, read_address
from cribsheet.prompts import Prompt

Json = Mapping[str, Any]

_KEY = "OPENAI_API_KEY"


@dataclass(frozen=True)
class Api:
    """A server, and how it is asked."""

    server: Server
    """The server."""
    raw: str
    """The path that takes raw prompts."""
    chat: str
    """The path that takes chats."""
    read: Callable[[Json, Prompt], Completion]
    """Returns the completion in a reply; it may raise LookupError, TypeError or ValueError."""


def send_to_openai(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row, as an OpenAI-compatible server answers the request."""
    usual, _ = server_of(deployment.source)
    with deployment.address() as address:
        server = _server(openai_address(address or usual), deployment.timeout)
        api = Api(server, raw="/completions", chat="/chat/completions", read=_read)
        yield from sent(deployment, rows, json.loads(deployment.text()), api)


def send_to_llamacpp(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row, as llama.cpp's own server answers the request."""
    with deployment.address() as address:
        url = read_address(address or LLAMA_SERVER, dialect="openai", source="--api-base")
        api = Api(
            _server(url.removesuffix("/v1"), deployment.timeout),
            raw="/completion",
            chat="/v1/chat/completions",
            read=_read,
        )
        yield from sent(deployment, rows, json.loads(deployment.text()), api)


def sent(deployment: Deployment, rows: Sequence[Inputs], body: Json, api: Api) -> Iterator[Run | str]:
    """Fill a request body with the inputs of each row, and send it."""
    opened = deployment.source.opened
    marks = opened.placeholders()
    if "model" in body and deployment.served_name:
        body = {**body, "model": deployment.served_name}

    def answer(inputs: Mapping[str, str]) -> Answer:
        tame = {name: opened.escaping.apply(text) for name, text in inputs.items()}  # as the caveats ask
        request = _filled(body, marks, tame)
        stop = request.get("stop", ())
        prompt = Prompt(messages=request.get("messages", ()), text=request.get("prompt", ""), stop=stop)
        reply = asked(api.server, api.chat if prompt.is_chat else api.raw, request)
        return written_answer(deployment.source.prompt, prompt, _completion(api, reply, prompt))

    return one_by_one(deployment, rows, answer)


def asked(server: Server, path: str, request: Json) -> Json:
    """Return the reply to a request; transient failures are retried."""
    try:
        return patiently(lambda: granted(server.post(path, request), server, request.get("model", "")))
    except Refused as refused:
        raise refused.failure.error from None


def _server(address: str, timeout: float) -> Server:
    key = checked_key(os.environ.get(_KEY), source=_KEY)
    return Server(address, key=key, timeout=timeout, key_source=_KEY)


def _filled(body: Json, marks: Mapping[str, str], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Return the request with the inputs in it, where the `jq` command of the usage puts them."""
    if "prompt" in body:
        return {**body, "prompt": fill(body["prompt"], marks, inputs)}
    *before, last = body["messages"]
    return {**body, "messages": [*before, {**last, "content": fill(last["content"], marks, inputs)}]}


def _completion(api: Api, reply: Json, prompt: Prompt) -> Completion:
    try:
        return api.read(reply, prompt)
    except (UnreadableReply, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"{api.server.address} gave an answer that is no completion: {error}. Check --api-base."
        ) from error


def _read(reply: Json, prompt: Prompt) -> Completion:
    if "choices" not in reply and "content" in reply:  # llama.cpp's own form
        reply = {"choices": [{"text": reply["content"]}]}
    return read_openai(rebuilt(reply, is_chat=prompt.is_chat), prompt)
