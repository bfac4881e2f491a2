"""A test server with OpenAI's completion endpoints."""

from typing import Any

from engines import forward
from recording_server import RecordingServer


class OpenAIServer(RecordingServer):
    """Passes requests on to a real llama-server, or always answers " positive" if it has no such address.

    `most_logprobs` is how many alternatives it grants; a request for more gets status 400, as from OpenAI and vLLM.
    0 grants none. `columns` sends raw log-probabilities in OpenAI's classic format. `cached_tokens` is the number of
    cached prompt tokens that it reports; None reports nothing.
    """

    def __init__(
        self,
        upstream: str | None = None,
        *,
        delay: float = 0.0,
        most_logprobs: int = 1000,
        columns: bool = False,
        cached_tokens: int | None = None,
    ) -> None:
        super().__init__(delay=delay)
        self.upstream = upstream and upstream.rstrip("/").removesuffix("/v1")
        self.most_logprobs = most_logprobs
        self.columns = columns
        self.cached_tokens = cached_tokens

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if path not in ("/v1/completions", "/v1/chat/completions"):
            return 404, {"error": {"message": f"Invalid URL (POST {path})"}}
        is_chat = path.endswith("/chat/completions")
        asked = body.get("top_logprobs", 0) if is_chat else body.get("logprobs", 0)
        if asked > self.most_logprobs:
            return 400, {"error": {"message": f"logprobs must be at most {self.most_logprobs}"}}
        if not self.upstream:
            return 200, _written(is_chat, self.cached_tokens)
        status, reply = forward(self.upstream + path, body)
        if self.columns and status == 200:
            choice = reply["choices"][0]
            choice["logprobs"] = choice.get("logprobs") and _as_columns(choice["logprobs"]["content"])
        return status, reply


def _written(is_chat: bool, cached_tokens: int | None) -> dict[str, Any]:
    text = " positive"
    told = {} if cached_tokens is None else {"prompt_tokens_details": {"cached_tokens": cached_tokens}}
    answer = {"message": {"role": "assistant", "content": text}} if is_chat else {"text": text}
    return {
        "id": "1",
        "object": "chat.completion" if is_chat else "text_completion",
        "created": 1,
        "model": "written",
        "choices": [{"index": 0, **answer, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8, **told},
    }


def _as_columns(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "tokens": [entry["token"] for entry in entries],
        "token_logprobs": [entry["logprob"] for entry in entries],
        "top_logprobs": [{other["token"]: other["logprob"] for other in entry["top_logprobs"]} for entry in entries],
        "text_offset": [0 for _ in entries],
    }
