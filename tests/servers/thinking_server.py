"""A test server for a model that thinks, with the APIs of OpenAI and Ollama."""

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from recording_server import RecordingServer

PROMPT_TOKENS = 20


class Said(NamedTuple):
    """The text that the model wrote until it ended or was cut."""

    thought: str
    answer: str
    text: str
    """Thought and answer together, as the model wrote them."""
    tokens: tuple[str, ...]
    finish: str


class ThinkingServer(RecordingServer):
    """A model that writes `<think>`, a thought of a given number of words, `</think>`, and then its answer.

    `answer` maps a prompt's text to the answer. `shape` says how thoughts are sent. `tags` leaves them in the text.
    `opened` does too, but without the opening tag, as if the chat template had written it. `reasoning_content`,
    `reasoning` (vLLM) and `thinking` (Ollama) send them in a field of that name. `hidden` only counts their tokens, as
    OpenAI does.

    The model does not think if the request says so with a parameter that it `obeys`: `think`, `enable_thinking` or
    `reasoning_effort`. It thinks over raw prompts only with `thinks_raw`. It `refuses` a parameter with the given
    status and message. Its tokens are words with the white space before them. `max_tokens` and stop sequences cut
    everything that it writes, including thoughts. The answer's first token has a probability of 90 %, "other" the rest.
    """

    def __init__(
        self,
        answer: Callable[[str], str] = lambda _: "positive",
        *,
        shape: str = "tags",
        words: int = 40,
        obeys: Collection[str] = (),
        refuses: Mapping[str, tuple[int, str]] | None = None,
        thinks_raw: bool = False,
        closing: str = "</think>",
    ) -> None:
        super().__init__()
        self.answer_to, self.shape, self.words = answer, shape, words
        self.obeys, self.refuses, self.thinks_raw = frozenset(obeys), dict(refuses or {}), thinks_raw
        self.closing = closing
        self.said: list[int] = []
        """The number of tokens of each completion."""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        if path == "/api/tags":
            return 200, {"models": [{"name": "thinker:latest", "model": "thinker:latest", "digest": "ab" * 32}]}
        refused = next((fault for name, fault in self.refuses.items() if name in body), None)
        if refused is not None:
            status, message = refused
            return status, {"error": message if path.startswith("/api") else {"message": message}}
        if path in ("/v1/chat/completions", "/api/chat"):
            prompt, is_raw = str(body["messages"][-1]["content"]), False
        elif path in ("/v1/completions", "/api/generate"):
            prompt, is_raw = str(body["prompt"]), True
        else:
            return 404, {"error": {"message": f"Invalid URL ({method} {path})"}}
        options = body.get("options", body)
        thinks = self.thinks_raw if is_raw else not (self.obeys & _asked_not_to(body))
        said = self._write(prompt, thinks, options.get("num_predict", options.get("max_tokens")), options.get("stop"))
        reply = self._ollama if path.startswith("/api") else self._openai
        return 200, reply(said, body, is_raw)

    def _write(self, prompt: str, thinks: bool, most: int, stop: list[str] | None) -> Said:
        opening = "" if self.shape == "opened" else "<think>"
        thought = f"{opening}\nOkay,{' so' * self.words}.\n{self.closing}\n\n" if thinks else ""
        tokens = re.findall(r"\s*\S+", thought + self.answer_to(prompt))
        kept = tokens[:most]
        self.said.append(len(kept))
        text, finish = "".join(kept), "length" if len(tokens) > most else "stop"
        ends = [at for sequence in stop or () if (at := text.find(sequence)) >= 0]
        if ends:
            text, finish = text[: min(ends)], "stop"
        before, _, after = text.partition(self.closing) if thinks else ("", "", text)
        return Said(before.removeprefix(opening), after, text, tuple(kept), finish)

    def _openai(self, said: Said, body: dict[str, Any], is_raw: bool) -> dict[str, Any]:
        field = self.shape if self.shape in ("reasoning_content", "reasoning") else ""
        text = said.answer if field or self.shape == "hidden" else said.text
        message: dict[str, Any] = {"role": "assistant", "content": text or (None if field else "")}
        message |= {field: said.thought} if field and said.thought else {}
        choice: dict[str, Any] = {"index": 0, "finish_reason": said.finish}
        choice |= {"text": said.text} if is_raw else {"message": message}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [_entry(token) for token in said.tokens]}
        usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": len(said.tokens), "total_tokens": 0}
        hidden = {"completion_tokens_details": {"reasoning_tokens": len(said.thought.split())}}
        return {
            "id": "1",
            "object": "text_completion" if is_raw else "chat.completion",
            "created": 1,
            "model": "thinker",
            "choices": [choice],
            "usage": usage | (hidden if self.shape == "hidden" and said.thought else {}),
        }

    def _ollama(self, said: Said, body: dict[str, Any], is_raw: bool) -> dict[str, Any]:
        is_apart = self.shape == "thinking"
        text = said.answer if is_apart else said.text
        thinking = {"thinking": said.thought} if is_apart and said.thought else {}
        answer = (
            {"response": text, **thinking}
            if is_raw
            else {"message": {"role": "assistant", "content": text, **thinking}}
        )
        return {
            "model": body["model"],
            "created_at": "2026-01-01T00:00:00Z",
            **answer,
            "done": True,
            "done_reason": said.finish,
            "prompt_eval_count": PROMPT_TOKENS,
            "eval_count": len(said.tokens),
            **({"logprobs": [_entry(token) for token in said.tokens]} if body.get("logprobs") else {}),
        }


def _asked_not_to(body: dict[str, Any]) -> set[str]:
    asked = {
        "think": body.get("think") is False,
        "enable_thinking": body.get("chat_template_kwargs") == {"enable_thinking": False},
        "reasoning_effort": body.get("reasoning_effort") == "none",
    }
    return {name for name, is_asked in asked.items() if is_asked}


def _entry(token: str) -> dict[str, Any]:
    likely = {"token": token, "logprob": math.log(0.9)}
    return likely | {"top_logprobs": [likely, {"token": " other", "logprob": math.log(0.1)}]}
