"""Export to the body of a request to an OpenAI-compatible server.

The fields are those of https://platform.openai.com/docs/api-reference/completions for raw prompts and
of https://platform.openai.com/docs/api-reference/chat for chats.
"""

import json
import shlex
from typing import Any

from cribsheet.carriage import Carriage
from cribsheet.export._base import Export, Source
from cribsheet.export._caveats import caveats, input_forms, is_decided, logit_bias, unescaped
from cribsheet.export._shell import curl, jq, llama_server
from cribsheet.layout.template import filled
from cribsheet.models._holding import holding_parameters
from cribsheet.models.addresses import LLAMA_SERVER

_OPENAI = "https://api.openai.com/v1"
_MOST_LOGPROBS = {"/completions": 5, "/chat/completions": 20}
"""The most alternatives that OpenAI returns; llama-server has no such limit."""


def to_openai(source: Source) -> Export:
    """Return a request body with a placeholder for each input."""
    path = source.saved_as("openai.json")
    carriage: Carriage = "logit_bias" if logit_bias(source) else "text"
    return Export(
        target="openai",
        text=json.dumps(_body(source), indent=2, ensure_ascii=False) + "\n",
        file_name=path,
        usage=_usage(source, path),
        carriage=carriage,
        score=source.score(carriage),
        caveats=(
            *_request_caveats(source),
            unescaped(source),
            *caveats(source, asks_logprobs=True, decides=carriage == "logit_bias", holds=True),
        ),
    )


def _body(source: Source) -> dict[str, Any]:
    opened, marks = source.opened, source.opened.placeholders()
    body: dict[str, Any] = {"model": source.model_name}
    if opened.turns:
        body["messages"] = [{"role": turn.role, "content": filled(turn.content, marks)} for turn in opened.turns]
    else:
        body["prompt"] = filled(opened.text, marks)
    body |= source.completion_settings
    held = source.held
    body |= holding_parameters(held.grammar, held.answer_schema)
    biases = logit_bias(source)
    return body | ({"max_tokens": 1, "logit_bias": dict(biases)} if biases else _logprobs(source))


def _logprobs(source: Source) -> dict[str, Any]:
    if not is_decided(source.prompt):
        return {}
    alternatives = source.prompt.decoding.top_logprobs
    return {"logprobs": True, "top_logprobs": alternatives} if source.opened.turns else {"logprobs": alternatives}


def _usage(source: Source, path: str) -> str:
    marks = source.opened.placeholders()
    base, start = server_of(source)
    at = ".messages[-1].content" if source.opened.turns else ".prompt"
    key = "OPENAI_API_KEY" if base == _OPENAI else None
    lines = [
        *([f"# {start}"] if start else []),
        f"# Fills {', '.join(marks.values())} with the inputs, as JSON strings.",
        *(f"# {line}" for line in input_forms(source.prompt)),
        f"{jq(at, marks)} {shlex.quote(path)} \\",
        f"  | {curl(base + _endpoint(source), key=key)}",
    ]
    return "\n".join(lines)


def _endpoint(source: Source) -> str:
    return "/chat/completions" if source.opened.turns else "/completions"


def server_of(source: Source) -> tuple[str, str]:
    """Return the base URL, and a comment that says how to start or choose the server; empty if nothing is needed."""
    served_at = source.model.endpoint.rstrip("/")
    if source.weights_file:
        start = llama_server(source.weights, window=source.model.context_window)
        return f"{LLAMA_SERVER}/v1", start
    if source.runs_on_ollama:
        return f"{served_at or 'http://localhost:11434'}/v1", f"ollama pull {shlex.quote(source.model_name)}"
    if served_at:
        return served_at, ""
    if source.model.name.startswith(("openai/", "text-completion-openai/")):
        return _OPENAI, ""
    return "http://localhost:8000/v1", f"Put the address of a server that has {source.model_name}."


def _request_caveats(source: Source) -> tuple[str, ...]:
    said = []
    if source.runs_on_ollama:
        said.append(
            "Ollama cannot take the context window from this request, and silently cuts a prompt that is too long: "
            f"start its server with OLLAMA_CONTEXT_LENGTH={source.model.context_window}."
        )
        if not source.opened.turns:
            said.append(
                "Ollama's /v1/completions wraps the prompt in the model's chat template, so it is not the prompt that "
                "was compiled: export to ollama, or serve the weights with llama-server or vLLM."
            )
    if logit_bias(source):
        said.append(
            "logit_bias makes the server decide nearly as Cribsheet does, in one token: the most likely spelling of an "
            "outcome counts, while Cribsheet adds up all spellings. It has token ids of the weights that this was "
            "compiled for: leave it out if you serve other weights."
        )
        return tuple(said)
    asked, granted = source.prompt.decoding.top_logprobs, _MOST_LOGPROBS[_endpoint(source)]
    if is_decided(source.prompt) and asked > granted:
        said.append(
            f"The request asks for {asked} alternatives. llama-server returns them, but OpenAI returns at most "
            f"{granted}, and vLLM at most 20 by default: ask these for fewer."
        )
    return tuple(said)
