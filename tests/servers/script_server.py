"""Answer over HTTP from a script, in the shapes of several APIs."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from recording_server import RecordingServer

from cribsheet.models import Completion, Sampling
from cribsheet.prompts import Message, Prompt

Shape = Literal["ollama", "llama", "openai", "columns"]
SHAPES: tuple[Shape, ...] = ("ollama", "llama", "openai", "columns")
"""Ollama's own API; llama-server with token ids; OpenAI's entries; OpenAI's classic columns for raw prompts."""

_PATHS: Mapping[Shape, tuple[str, ...]] = {
    "ollama": ("/api/generate", "/api/chat"),
    "llama": ("/v1/completions", "/v1/chat/completions", "/completion"),
}
_LIMITS = ("num_predict", "n_predict", "max_tokens", "max_completion_tokens")
"""The names of the token limit."""
Script = Callable[[Prompt, Sampling], Completion]


class ScriptServer(RecordingServer):
    """Gives the completions of a script, which is asked with the prompt and sampling that a request holds."""

    def __init__(self, script: Script, shape: Shape, **options: Any) -> None:
        super().__init__(**options)
        self.script, self.shape = script, shape
        self.asked: list[Prompt] = []
        """The prompts, as they arrived."""

    @property
    def completions(self) -> int:
        return len(self.asked)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if path == "/api/version":
            return (200, {"version": "0.35.0"}) if self.shape == "ollama" else (404, {"error": "not found"})
        if path not in _PATHS.get(self.shape, ("/v1/completions", "/v1/chat/completions")):
            return 404, {"error": {"message": f"no {path} here"}}
        options = body.get("options", body)
        messages = tuple(Message(**message) for message in body.get("messages", ()))
        prompt = Prompt(text=body.get("prompt", ""), messages=messages, stop=tuple(options.get("stop") or ()))
        top = body.get("top_logprobs", body.get("logprobs")) or 0
        self.asked.append(prompt)
        tokens = next(options[name] for name in _LIMITS if name in options)
        completion = self.script(prompt, Sampling(max_tokens=tokens, top_logprobs=top))
        if path == "/completion":
            return 200, {"content": completion.text, "stop_type": "word"}
        return 200, self._ollama(completion, prompt) if self.shape == "ollama" else self._openai(completion, prompt)

    def _ollama(self, completion: Completion, prompt: Prompt) -> dict[str, Any]:
        said: dict[str, Any] = {"thinking": completion.thought} if completion.thought else {}
        if prompt.is_chat:
            answer = {"message": {"role": "assistant", "content": completion.text, **said}}
        else:
            answer = {"response": completion.text, **said}
        entries = self._entries(completion)
        usage = {"prompt_eval_count": 9, "eval_count": completion.usage.completion_tokens or 1}
        return {
            **answer,
            "done_reason": completion.finish_reason,
            **usage,
            **({"logprobs": entries} if entries else {}),
        }

    def _openai(self, completion: Completion, prompt: Prompt) -> dict[str, Any]:
        said = {"reasoning_content": completion.thought} if completion.thought else {}
        message = {"message": {"role": "assistant", "content": completion.text, **said}}
        choice: dict[str, Any] = {"text": completion.text} if not prompt.is_chat else message
        entries = self._entries(completion)
        as_columns = self.shape == "columns" and not prompt.is_chat
        choice["logprobs"] = (_columns(entries) if as_columns else {"content": entries}) if entries else None
        usage = {"prompt_tokens": 9, "completion_tokens": completion.usage.completion_tokens or 1}
        usage_details = {"prompt_tokens_details": {"cached_tokens": 0}}
        return {"choices": [{**choice, "finish_reason": completion.finish_reason}], "usage": {**usage, **usage_details}}

    def _entries(self, completion: Completion) -> list[dict[str, Any]]:
        """Return the log-probabilities of the text's words, of the first with its alternatives."""
        if completion.first_token is None:
            return []
        words = re.findall(r"\s*\S+|\s+$", completion.text) or [""]
        logprobs = completion.logprobs or (0.0,) * len(words)
        entries = [
            self._entry(word, logprob, place) for place, (word, logprob) in enumerate(zip(words, logprobs, strict=True))
        ]
        top = [self._entry(token, one, 100 + at) for at, (token, one) in enumerate(completion.first_token.items())]
        own = next((one for one in top if one["token"] == words[0]), top[0])
        return [
            {**own, "logprob": entries[0]["logprob"], "top_logprobs": top},
            *({**one, "top_logprobs": []} for one in entries[1:]),
        ]

    def _entry(self, token: str, logprob: float, place: int) -> dict[str, Any]:
        entry: dict[str, Any] = {"token": token, "logprob": logprob}
        if self.shape in ("llama", "openai"):
            entry["bytes"] = list(token.encode())
        return entry | ({"id": place} if self.shape == "llama" else {})


def _columns(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "tokens": [entry["token"] for entry in entries],
        "token_logprobs": [entry["logprob"] for entry in entries],
        "top_logprobs": [{one["token"]: one["logprob"] for one in entry["top_logprobs"]} for entry in entries],
    }


def told(text: str, alternatives: Mapping[str, float], sampling: Sampling, *, thought: str | None = None) -> Completion:
    """Return a completion that tells log-probabilities if it was asked for them."""
    words = re.findall(r"\s*\S+|\s+$", text) or [""]
    if not sampling.top_logprobs:
        return Completion(text=text, thought=thought)
    first = dict(alternatives) or {words[0]: 0.0}
    rest = (-0.25,) * (len(words) - 1)
    return Completion(text=text, thought=thought, first_token=first, logprobs=(first.get(words[0], -0.5), *rest))
