"""A test server with Ollama's documented API, in front of an engine.

The JSON follows `docs/api.md` of Ollama 0.33. Undocumented behaviour, such as error texts and the cutting of prompts,
follows its source code.
"""

import json
from typing import Any

from engines import Engine, Generated
from recording_server import RecordingServer

from modelfile_reader import Command, read_modelfile, sent_messages, sent_text

DIGEST = "365c0bd3c000a25d28ddbf732fe1c6add414de7275464c4e4d1c3b5fcb5d8ad1"


class OllamaServer(RecordingServer):
    """Serves one model, `smollm:latest`, and those that are created from Modelfiles.

    `tells_logprobs=False` imitates a release before 0.12.11. `refuses_long=False` imitates one before 0.12.6, which
    always cuts long prompts. `cached_tokens` is the number of cached prompt tokens that it reports; None imitates a
    release before August 2026, which reports none.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        delay: float = 0.0,
        tells_logprobs: bool = True,
        refuses_long: bool = True,
        cached_tokens: int | None = None,
    ) -> None:
        super().__init__(delay=delay)
        self.engine = engine
        self.tells_logprobs = tells_logprobs
        self.refuses_long = refuses_long
        self.cached_tokens = cached_tokens
        self.prompts: list[str] = []
        """The exact texts that the engine was given."""
        self.created: dict[str, list[Command]] = {}
        """The commands of the Modelfile that each further model was created from."""
        self.chat_template = ""
        """A chat template in the weights that is used in place of each TEMPLATE; empty if it is not."""

    def create(self, name: str, modelfile: str) -> None:
        """Make a model as `ollama create` does."""
        self.created[name] = read_modelfile(modelfile)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if (method, path) == ("GET", "/api/tags"):
            name = "smollm:latest"
            return 200, {"models": [{"name": name, "model": name, "digest": DIGEST, "size": 98_000_000}]}
        if (method, path) == ("GET", "/api/version"):
            return 200, {"version": "0.33.0"}
        if (method, path) not in (("POST", "/api/generate"), ("POST", "/api/chat"), ("POST", "/api/show")):
            return 404, "404 page not found"
        name = body.get("model") or body["name"]  # the older word for it, which LiteLLM uses
        if name not in ("smollm", "smollm:latest", *self.created):
            return 404, {"error": f"model '{name}' not found"}
        commands = self.created.get(name, [])
        if path == "/api/show":
            shown = _shown(commands)
            return 200, {**shown, "template": self.chat_template or shown["template"]}
        body = {**body, "options": {**_options(commands), **body.get("options", {})}}
        return self._generate(path, body, commands)

    def _generate(self, path: str, body: dict[str, Any], commands: list[Command]) -> tuple[int, object]:
        if not 0 <= body.get("top_logprobs", 0) <= 20:
            return 400, {"error": "top_logprobs must be between 0 and 20"}
        if body.get("stream", True):
            return 400, {"error": "this test server does not stream"}
        prompt = self._fit(self._prompt(path, body, commands), body)
        if prompt is None:
            return 400, {"error": "the input length exceeds the context length"}
        self.prompts.append(prompt)
        wanted = max(body.get("top_logprobs", 0), 1) if body.get("logprobs") and self.tells_logprobs else 0
        reply = _reply(path, body, self.engine.generate(prompt, body["options"], wanted))
        told = {} if self.cached_tokens is None else {"prompt_eval_cached_count": self.cached_tokens}
        return 200, reply | told

    def _prompt(self, path: str, body: dict[str, Any], commands: list[Command]) -> str:
        if path == "/api/chat":
            return self.engine.apply_template(sent_messages(commands, body["messages"]))
        if body.get("raw"):
            return str(body["prompt"])
        if any(command.name == "TEMPLATE" for command in commands):
            return sent_text(commands, body["prompt"])
        return self.engine.apply_template([{"role": "user", "content": body["prompt"]}])

    def _fit(self, prompt: str, body: dict[str, Any]) -> str | None:
        """Return the prompt; if it is too long, its end, or None if the server refuses it."""
        tokens, window = self.engine.tokenize(prompt), body["options"].get("num_ctx", 4096)
        if len(tokens) <= window:
            return prompt
        is_refused = self.refuses_long and body.get("truncate") is False
        return None if is_refused else self.engine.detokenize(tokens[-window:])


def _shown(commands: list[Command]) -> dict[str, Any]:
    """Return what `/api/show` says, as `GetModelInfo` in `server/routes.go` puts it together."""
    values = {command.name: command.value for command in commands}
    messages = [(name.split()[1], value) for name, value in commands if name.startswith("MESSAGE ")]
    parameters = [(name.split()[1], value) for name, value in commands if name.startswith("PARAMETER ")]
    shown = {"TEMPLATE": "{{ .Prompt }}", **values}
    kept = [name for name in ("TEMPLATE", "SYSTEM", "RENDERER", "PARSER") if name in shown]
    return {
        "modelfile": "# Modelfile\nFROM /blob\n" + "".join(f'{name} """{shown[name]}"""\n' for name in kept),
        "template": shown["TEMPLATE"],
        **({"system": shown["SYSTEM"]} if "SYSTEM" in shown else {}),
        **({"messages": [{"role": role, "content": text} for role, text in messages]} if messages else {}),
        "parameters": "\n".join(
            f"{name:30} {_as_go(name, value)}" for name, value in sorted(parameters, key=lambda one: one[0])
        ),
        "capabilities": ["completion"],
        "model_info": {},
    }


def _as_go(name: str, value: str) -> str:
    """Return a parameter as Go's `%#v` writes it."""
    return json.dumps(value, ensure_ascii=False) if name == "stop" else f"{float(value):g}"


def _options(commands: list[Command]) -> dict[str, Any]:
    """Return the options that a model is asked with if the request says no others."""
    options: dict[str, Any] = {}
    for name, value in commands:
        if name == "PARAMETER stop":
            options.setdefault("stop", []).append(value)
        elif name.startswith("PARAMETER "):
            options[name.split()[1]] = float(value) if "." in value else int(value)
    return options


def _reply(path: str, body: dict[str, Any], generated: Generated) -> dict[str, Any]:
    is_chat = path == "/api/chat"
    answer = {"message": {"role": "assistant", "content": generated.text}} if is_chat else {"response": generated.text}
    logprobs = [
        {key: token[key] for key in ("token", "logprob")}
        | {"top_logprobs": [{key: other[key] for key in ("token", "logprob")} for other in token["top_logprobs"]]}
        for token in generated.tokens
    ]
    return {
        "model": body["model"],
        "created_at": "2026-01-01T00:00:00Z",
        **answer,
        "done": True,
        "done_reason": "length" if generated.is_cut else "stop",
        "prompt_eval_count": generated.prompt_tokens,
        "eval_count": generated.completion_tokens,
        **({"logprobs": logprobs} if logprobs else {}),
    }
