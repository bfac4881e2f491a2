"""Engines that generate the text of test servers."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from cribsheet.models import Completion, Sampling
from cribsheet.models._stops import cut_at_stop
from cribsheet.prompts import Prompt


class Generated(NamedTuple):
    """Text that an engine generated."""

    text: str
    tokens: list[dict[str, Any]]
    """One `{"token", "logprob", "top_logprobs"}` for each token."""
    prompt_tokens: int
    completion_tokens: int
    is_cut: bool


class Engine(Protocol):
    """Generates text for a test server."""

    def generate(self, prompt: str, options: dict[str, Any], top_logprobs: int) -> Generated: ...

    def apply_template(self, messages: list[dict[str, str]]) -> str: ...

    def tokenize(self, text: str) -> list[Any]: ...

    def detokenize(self, tokens: list[Any]) -> str: ...


class LlamaEngine:
    """The embedded model, through llama-server's own endpoints."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/").removesuffix("/v1")

    def generate(self, prompt: str, options: dict[str, Any], top_logprobs: int) -> Generated:
        reply = self._post(
            "/completion",
            {
                "prompt": prompt,
                "n_predict": options["num_predict"],
                "temperature": options["temperature"],
                "seed": options["seed"],
                "repeat_penalty": options["repeat_penalty"],
                "stop": options.get("stop", []),
                "n_probs": top_logprobs,
            },
        )
        timings = reply["timings"]
        return Generated(
            text=reply["content"],
            tokens=reply.get("completion_probabilities", []),
            prompt_tokens=timings["cache_n"] + timings["prompt_n"],
            completion_tokens=timings["predicted_n"],
            is_cut=reply["stop_type"] == "limit",
        )

    def apply_template(self, messages: list[dict[str, str]]) -> str:
        return str(self._post("/apply-template", {"messages": messages})["prompt"])

    def tokenize(self, text: str) -> list[Any]:
        return list(self._post("/tokenize", {"content": text})["tokens"])

    def detokenize(self, tokens: list[Any]) -> str:
        return str(self._post("/detokenize", {"tokens": tokens})["content"])

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        status, reply = forward(self._address + path, body)
        assert status == 200, reply
        return dict(reply)


class WrittenEngine:
    """Always gives the same answer at once. Each word is a token, all with the same log-probability."""

    def __init__(self, text: str = " positive") -> None:
        self.text = text

    def generate(self, prompt: str, options: dict[str, Any], top_logprobs: int) -> Generated:
        top = [{"token": self.text, "logprob": -0.5}, {"token": " other", "logprob": -2.0}][:top_logprobs]
        tokens = [{"token": self.text, "logprob": -0.5, "top_logprobs": top}] if top_logprobs else []
        return Generated(self.text, tokens, len(prompt.split()), 1, is_cut=False)

    def apply_template(self, messages: list[dict[str, str]]) -> str:
        return "".join(f"<{message['role']}> {message['content']} " for message in messages) + "<assistant>"

    def tokenize(self, text: str) -> list[Any]:
        return text.split()

    def detokenize(self, tokens: list[Any]) -> str:
        return " ".join(tokens)


class ScriptedEngine(WrittenEngine):
    """Gives the completions of a script, which sees the text that a model would get, after its chat template."""

    def __init__(self, script: Callable[[Prompt, Sampling], Completion]) -> None:
        super().__init__()
        self.script = script

    def generate(self, prompt: str, options: dict[str, Any], top_logprobs: int) -> Generated:
        said = self.script(Prompt(text=prompt), Sampling(max_tokens=options["num_predict"])).text
        return Generated(cut_at_stop(said, options.get("stop", ())), [], len(prompt.split()), 1, is_cut=False)


def forward(url: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Post JSON to a real server and return its status and its JSON answer."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
