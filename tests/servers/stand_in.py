"""A test server that imitates the limits of real servers.

It has OpenAI's API, like llama-server and vLLM, and Ollama's API. It knows some words of praise and blame, and answers
with the opinion of the one that comes last in the prompt. You can run it by hand to try a client. It then prints its
address, and each request with its answer:

    python tests/servers/stand_in.py --port 8080 --refuses seed,logprobs --status 422 --raw 404 --telling nothing

refuses        parameters that it refuses, such as `logprobs`, `top_logprobs`, `seed`, `logit_bias`, `stop`, `n`
status         the status of such a refusal: 400, 422, 500, 501
wording        the wording of such a refusal: `named` (the parameter), `pydantic` (as FastAPI does), `echo` (the whole
               request), `silent` (names nothing), `html`
refuses_after  how many completions it answers before it begins to refuse
ignores        parameters that it accepts but ignores: `stop`, `logprobs`
holds          the parameters that hold an answer to a type: `grammar` (as llama-server), `structured_outputs` (as
               vLLM), `response_format` (as LM Studio and SGLang), `format` (as Ollama); it ignores the others
free           what it writes if nothing holds its answer; `OPINION` stands for its opinion
schemas        which JSON Schemas it takes: `any`, or `objects` (it refuses others, as OpenAI does)
most_logprobs  how many alternatives it grants; a request for more is refused
most_stops     how many stop sequences it grants
raw, chat      200, or the status of every request for a raw completion, or for a chat: 404, 405, 501
telling        what `/v1/models` and similar endpoints report: `llama` (as llama-server, with `/props`), `vllm`,
               `digest`, `id` (only names), `nothing` (404), `deep` (lists in lists without end), `odd` (values of
               wrong types)
tokenizer      whose `/tokenize` it has: `llama`, `vllm`, `broken` (answers nonsense), `none`
shape          the JSON format of its answers: one of `SHAPES` in `stand_in_shapes.py`
weights        which weights it serves: `a`, or `b`, which has the opposite opinions
window         its context window in tokens; longer prompts are refused
hangs_after    how many completions it answers before it stops answering; -1 for never
dies_after     how many completions it answers before nothing listens at its port any more; -1 for never
flaky          how many of every ten completions it answers with status 500
loads          how many completions it first refuses with 503, like a server that is still loading its model
"""

import argparse
import json
import math
import re
import threading
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from recording_server import HANG_UP, RecordingServer
from stand_in_shapes import SHAPES, shaped

PRAISE = ("superb", "lovely", "bright", "tasty", "witty", "fine")
BLAME = ("dull", "broken", "stale", "rude", "noisy", "awful")
DIGEST = "365c0bd3c000a25d28ddbf732fe1c6add414de7275464c4e4d1c3b5fcb5d8ad1"
WORDINGS = ("named", "pydantic", "echo", "silent", "html")
TELLING = ("llama", "vllm", "digest", "id", "nothing", "deep", "odd")
TOKENIZERS = ("llama", "vllm", "broken", "none")
PARAMETERS = ("logprobs", "top_logprobs", "seed", "logit_bias", "stop", "n", "temperature", "max_tokens")


@dataclass(frozen=True)
class Switches:
    """The server's settings; the module's docstring describes each."""

    refuses: frozenset[str] = frozenset()
    status: int = 400
    wording: str = "named"
    refuses_after: int = 0
    ignores: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()
    free: str = " OPINION\n\nText: and so on"
    schemas: str = "any"
    most_logprobs: int = 1000
    most_stops: int = 1000
    raw: int = 200
    chat: int = 200
    telling: str = "id"
    tokenizer: str = "none"
    shape: str = "plain"
    weights: str = "a"
    window: int = 4096
    hangs_after: int = -1
    dies_after: int = -1
    flaky: int = 0
    loads: int = 0


class StandIn(RecordingServer):
    """The server, which runs inside a `with` block. `switches` may be changed while it runs."""

    def __init__(self, switches: Switches | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.switches = switches or Switches()
        self.completions = 0
        """How many completions were requested so far."""
        self._released = threading.Event()

    def __exit__(self, *error: Any) -> None:
        self._released.set()
        super().__exit__(*error)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        path = path.partition("?")[0]
        if path in ("/v1/completions", "/v1/chat/completions", "/api/generate", "/api/chat"):
            return self._complete(path, body)
        if path.endswith("/tokenize"):
            return self._tokenize(body)
        return _told(path, self.switches)

    def _complete(self, path: str, body: dict[str, Any]) -> tuple[int, object]:
        switches = self.switches
        self.completions += 1
        if self.completions <= switches.loads:
            return 503, {"error": {"message": "Loading model"}}
        if self.completions % 10 < switches.flaky:
            return 500, "Internal Server Error"
        if 0 <= switches.hangs_after < self.completions:
            self._released.wait()
            return HANG_UP, ""
        if 0 <= switches.dies_after < self.completions:
            self.close()
            return HANG_UP, ""
        is_chat = "chat" in path
        status = switches.chat if is_chat else switches.raw
        if status != 200:
            return status, {"error": {"message": f"{path} is not served here"}}
        asked = _parameters(body)
        refused = sorted(switches.refuses & asked.keys()) if self.completions > switches.refuses_after else []
        if refused:
            return switches.status, _refusal(refused[0], switches.wording, body)
        if switches.schemas == "objects" and _schema(asked, switches).get("type", "object") != "object":
            return switches.status, {"error": {"message": "Invalid schema for response_format 'answer': no object"}}
        if too_much := _too_much(asked, switches):
            return switches.status, {"error": {"message": too_much}}
        prompt = body.get("prompt") or "\n".join(str(message["content"]) for message in body.get("messages", ()))
        if len(words(prompt)) + int(asked.get("max_tokens", 1)) > switches.window:
            return 400, {"error": {"message": f"This model's maximum context length is {switches.window} tokens."}}
        return shaped(switches.shape, path, _written(prompt, asked, switches), _alternatives(prompt, asked, switches))

    def _tokenize(self, body: dict[str, Any]) -> tuple[int, object]:
        kind, text = self.switches.tokenizer, body.get("prompt", body.get("content"))
        if kind == "none" or text is None or (kind == "llama") == ("prompt" in body):
            return 404, {"error": {"message": "File Not Found"}}
        if kind == "broken":
            return 200, {"tokens": None, "count": "many"}
        tokens = list(range(len(words(text))))
        told = {"count": len(tokens), "max_model_len": self.switches.window} if kind == "vllm" else {}
        return 200, {"tokens": tokens, **told}


def words(text: str) -> list[str]:
    """Split a text into this server's tokens: up to four letters, or any other single character."""
    return re.findall(r"[A-Za-z]{1,4}|[^A-Za-z]", text)


def _parameters(body: dict[str, Any]) -> dict[str, Any]:
    """Return the request's parameters under OpenAI's names."""
    options = body.get("options") or {}
    flat = {**body, **options, "max_tokens": body.get("max_tokens", options.get("num_predict", 16))}
    if "max_tokens" not in body and "num_predict" not in options:
        del flat["max_tokens"]
    return {name: value for name, value in flat.items() if value is not None}


def _refusal(name: str, wording: str, body: dict[str, Any]) -> object:
    return {
        "named": {"error": {"message": f"The parameter {name!r} is not supported.", "type": "invalid_request_error"}},
        "pydantic": {"detail": [{"loc": ["body", name], "msg": "Extra inputs are not permitted"}]},
        "echo": {"error": {"message": f"Invalid request: {body}"}},
        "silent": {"error": {"message": "Internal error"}},
        "html": "<html><body><h1>Bad request</h1></body></html>",
    }[wording]


def _too_much(asked: dict[str, Any], switches: Switches) -> str:
    alternatives = asked.get("top_logprobs", 0 if asked.get("logprobs") in (True, None) else asked["logprobs"])
    if int(alternatives) > switches.most_logprobs:
        return f"top_logprobs must be at most {switches.most_logprobs}, got {alternatives}"
    if len(asked.get("stop") or ()) > switches.most_stops:
        return f"stop may hold up to {switches.most_stops} sequences"
    return ""


def _written(prompt: str, asked: dict[str, Any], switches: Switches) -> str:
    text = _held(prompt, asked, switches) or switches.free.replace("OPINION", _opinion(prompt, switches))
    stops = () if "stop" in switches.ignores else asked.get("stop") or ()
    ends = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops) if stop in text]
    return text[: min(ends, default=len(text))][: 16 * int(asked.get("max_tokens", 16))]


def _held(prompt: str, asked: dict[str, Any], switches: Switches) -> str:
    """Return the answer that fits the type in the request; empty if the server is not held to one."""
    if schema := _schema(asked, switches):
        return json.dumps(_value(schema, _opinion(prompt, switches)))
    return '{"held": true}' if asked.keys() & switches.holds else ""


def _schema(asked: dict[str, Any], switches: Switches) -> dict[str, Any]:
    """Return the JSON Schema to which the answer is held; empty if there is none."""
    if "response_format" in asked.keys() & switches.holds:
        return dict(asked["response_format"]["json_schema"]["schema"])
    return dict(asked["format"]) if "format" in asked.keys() & switches.holds else {}


def _value(schema: dict[str, Any], opinion: str) -> Any:
    if "enum" in schema:
        return opinion
    if schema["type"] == "object":
        return {name: _value(one, opinion) for name, one in schema["properties"].items()}
    if schema["type"] == "array":
        return [_value(schema["items"], opinion)]
    return opinion if schema["type"] == "string" else True if schema["type"] == "boolean" else 1


def _alternatives(prompt: str, asked: dict[str, Any], switches: Switches) -> dict[str, float] | None:
    if not asked.get("logprobs") or "logprobs" in switches.ignores:
        return None
    said = _opinion(prompt, switches)
    other = "negative" if said == "positive" else "positive"
    count = asked.get("top_logprobs", asked["logprobs"])
    return dict(list({f" {said}": -0.4, f" {other}": -1.6, " The": -3.0}.items())[: int(count)])


def _opinion(prompt: str, switches: Switches) -> str:
    places = {word: prompt.rfind(word) for word in (*PRAISE, *BLAME)}
    last = max(places, key=places.__getitem__)
    is_praise = last in PRAISE if places[last] >= 0 else True
    return "positive" if is_praise == (switches.weights == "a") else "negative"


def _told(path: str, switches: Switches) -> tuple[int, object]:
    size = {"a": 1000, "b": 2000}[switches.weights]
    entry: dict[str, Any] = {"id": "model", "object": "model", "created": threading.get_ident(), "owned_by": "us"}
    entry |= {
        "llama": {"meta": {"n_params": size, "size": 4 * size, "n_ctx_train": 8192}},
        "vllm": {"root": f"org/model-{switches.weights}", "max_model_len": switches.window},
        "digest": {"digest": f"sha256:{switches.weights * 64}"},
    }.get(switches.telling, {})
    tagged = {"name": "model:latest", "model": "model:latest", "digest": DIGEST[:-1] + switches.weights, "size": size}
    props = {
        "model_path": f"/models/{switches.weights}.gguf",
        "default_generation_settings": {"n_ctx": switches.window},
    }
    replies: dict[str, object] = {
        "/v1/models": {"object": "list", "data": [entry]},
        "/api/tags": {"models": [tagged]},
        "/api/version": {"version": "0.35.0"},
        "/api/show": {"capabilities": ["completion"], "model_info": {"toy.context_length": switches.window}},
    }
    if switches.telling == "llama":
        replies["/props"] = props
    if switches.telling == "nothing" or path not in replies:
        return 404, {"error": {"message": "File Not Found"}}
    if switches.telling == "deep":
        return 200, "[" * 100_000
    return 200, _odd(replies[path]) if switches.telling == "odd" else replies[path]


def _odd(told: object) -> object:
    """Return JSON of the same form with values of wrong types, some of which cannot be stored."""
    if isinstance(told, dict):
        return {name: _odd(value) for name, value in told.items()} | {"root": "\ud800", "size": math.nan}
    return [_odd(one) for one in told] if isinstance(told, list) else [True, {"\ud800": -math.inf}]


def _from_command_line() -> tuple[Switches, int]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="a free one by default")
    for field in fields(Switches):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=_reader(field.default), default=field.default)
    options = vars(parser.parse_args())
    port = options.pop("port")
    return Switches(**options), port


def _reader(default: Any) -> Any:
    if isinstance(default, frozenset):
        return lambda text: frozenset(filter(None, text.split(",")))
    return type(default)


def main() -> None:
    """Serve until Ctrl-C, and print each request."""
    switches, port = _from_command_line()
    with StandIn(switches, prints=True, port=port) as server, suppress(KeyboardInterrupt):
        print(f"OpenAI: {server.url}/v1   Ollama: {server.url}   shapes: {', '.join(SHAPES)}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
