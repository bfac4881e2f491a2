"""Complete prompts with a model that Ollama serves."""

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from cribsheet.errors import (
    ContextOverflowError,
    ModelError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import forks
from cribsheet.models._asking import check_asks_for_text
from cribsheet.models._base import Completion, Sampling, Usage
from cribsheet.models._estimate import estimate_tokens
from cribsheet.models._logprobs import NOTHING_TOLD, TokenLogprobs, read_entries, text_of
from cribsheet.models.systemone import SystemOneModel
from cribsheet.models.thinking import Parts, Thinking, after_thought, told_apart
from cribsheet.prompts import Prompt

DEFAULT_HOST = "http://127.0.0.1:11434"
MOST_LOGPROBS = 20
"""The most alternatives a token that Ollama reports; it answers 400 when asked for more."""
_TOO_LONG = re.compile(r"context (length|size|window)")


class OllamaModel:
    """A model behind Ollama's own API, reached through its official client.

    Raw prompts go to `/api/generate` with `raw`, chats to `/api/chat`: the model's template is applied
    to chats alone, by Ollama. Needs Ollama 0.12.11, which brought log-probabilities (without them
    `first_token` is None) and, in 0.12.6, the refusal of prompts that are too long.

    >>> OllamaModel("ollama_chat/qwen2.5:0.5b", api_base="localhost:11434").endpoint
    'http://localhost:11434'
    """

    supports_raw = True

    def __init__(
        self,
        name: str,
        *,
        api_base: str | None = None,
        parallel: int = 4,
        context_window: int = 4096,
        timeout: float = 120.0,
    ) -> None:
        host = (api_base or os.environ.get("OLLAMA_HOST") or DEFAULT_HOST).rstrip("/")
        self.name = name
        self.endpoint = host if "://" in host else f"http://{host}"
        self.parallel = parallel
        self.context_window = context_window
        self._model = name.partition("/")[2]
        self._timeout = timeout
        self._told = threading.local()
        self._thinking = Thinking()
        self._may_say_think = True
        forks.forget_in_child(self)

    @cached_property
    def digest(self) -> str | None:
        """The `sha256:…` of the model's manifest; None when the model is not pulled."""
        with self._errors_explained():
            pulled = {entry.model: entry.digest for entry in self._client.list().models}
        digest = pulled.get(self._model) or pulled.get(f"{self._model}:latest")
        return digest and f"sha256:{digest.removeprefix('sha256:')}"

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt; a thought before the answer gets tokens of its own."""
        if prompt.question is not None and self.only_decides:
            return self._decisions.complete(prompt, sampling)
        check_asks_for_text(prompt, self.name)
        return self._thinking.complete(self._answer, prompt, sampling, window=self.context_window)

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        started = time.perf_counter()
        with self._errors_explained():
            reply = self._send(prompt, sampling)
        usage = Usage(
            prompt_tokens=reply.prompt_eval_count or 0,
            cached_tokens=self._told.cached_tokens,
            completion_tokens=reply.eval_count or 0,
        )
        self._check_fit(usage)
        text, thought = _read_text(reply, prompt)
        parts = told_apart(text, prompt, thought=thought)
        told = _read_logprobs([entry.model_dump() for entry in reply.logprobs or ()], parts)
        return Completion(
            text=parts.answer,
            thought=parts.thought,
            finish_reason="length" if reply.done_reason == "length" else "stop",
            first_token=told.first_token,
            logprobs=told.logprobs,
            usage=usage,
            seconds=time.perf_counter() - started,
        )

    @cached_property
    def only_decides(self) -> bool:
        """Whether it is a decision model, which writes nothing."""
        with suppress(ModelError), self._errors_explained():
            able = self._client.show(self._model).capabilities or ()
            return "decision" in able and "completion" not in able
        return False

    @cached_property
    def _decisions(self) -> SystemOneModel:
        return SystemOneModel(f"systemone/{self._model}", api_base=self.endpoint, timeout=self._timeout)

    def count_tokens(self, text: str) -> int:
        """Return an estimate from above: Ollama has no endpoint that counts tokens."""
        return estimate_tokens(text)

    def close(self) -> None:
        """Close the connections; they are opened again when the model is next asked something."""
        if client := self.__dict__.pop("_client", None):
            client.close()

    def forget_connections(self) -> None:
        """Drop the connections; see `cribsheet.models.forks`."""
        self.__dict__.pop("_client", None)

    @cached_property
    def _client(self) -> Any:
        import ollama  # here, for it brings httpx along: a fifth of a second that other models need not pay

        hooks = {"request": [_forbid_truncation], "response": [self._note_cached_tokens]}
        return ollama.Client(self.endpoint, timeout=self._timeout, event_hooks=hooks)

    def _note_cached_tokens(self, response: Any) -> None:
        """Keep, for the thread that waits for this answer, what of the prompt came from the prefix cache.

        The client drops the field, which Ollama tells since August 2026 beside the count of all tokens.
        """
        response.read()
        reply = response.json() if response.is_success else None
        self._told.cached_tokens = reply.get("prompt_eval_cached_count") if isinstance(reply, dict) else None

    def _send(self, prompt: Prompt, sampling: Sampling) -> Any:
        request: dict[str, Any] = {"options": self._options(prompt, sampling)}
        request |= {"think": False} if self._may_say_think else {}
        if sampling.top_logprobs:
            request |= {"logprobs": True, "top_logprobs": min(sampling.top_logprobs, MOST_LOGPROBS)}
        import ollama  # here for the same reason as in `_client`

        try:
            if prompt.is_chat:
                messages = [message.model_dump() for message in prompt.messages]
                return self._client.chat(self._model, messages, **request)
            return self._client.generate(self._model, prompt.text, raw=True, **request)
        except ollama.ResponseError as error:
            if not (self._may_say_think and "think" in error.error):
                raise
            self._may_say_think = False  # some servers refuse the word for a model that does not think
            return self._send(prompt, sampling)

    def _options(self, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        options: dict[str, Any] = {
            "num_ctx": self.context_window,
            "num_predict": sampling.max_tokens,
            "temperature": sampling.temperature,
            "seed": sampling.seed,
            # A Modelfile may punish repetition, and a prompt with demos repeats the very words to choose from.
            "repeat_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
        }
        # An empty list would switch off the stop sequences of the Modelfile.
        return options | ({"stop": list(prompt.stop)} if prompt.stop else {})

    def _check_fit(self, usage: Usage) -> None:
        """Refuse an answer that ran into the end of the window.

        Before 0.12.6 Ollama cut the prompt to the window's size instead of refusing it; all versions drop
        its beginning when the completion does not fit behind it.
        """
        tokens = usage.prompt_tokens + usage.completion_tokens
        if tokens >= self.context_window:
            raise ContextOverflowError(
                f"The prompt and its completion have {tokens} tokens or more, which fill the context window of "
                f"{self.context_window}. Use fewer demos or a larger context window."
            )

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        import httpx  # here for the same reason as in `_client`
        import ollama

        try:
            yield
        except (ConnectionError, httpx.UnsupportedProtocol) as error:
            raise UnreachableError(
                f"Nothing answers at {self.endpoint}. Start Ollama with `ollama serve`, or give its address "
                "with --api-base or OLLAMA_HOST."
            ) from error
        except ollama.ResponseError as error:
            raise self._explain(error.status_code, error.error) from error
        except httpx.TransportError as error:
            raise TransientError(f"Ollama at {self.endpoint} broke off: {error!r}.") from error
        except ValueError as error:
            raise ModelError(
                f"{self.endpoint} does not answer as Ollama does: {error}. Check --api-base; for an "
                f"OpenAI-compatible server use openai/{self._model}."
            ) from error

    def _explain(self, status: int, reason: str) -> ModelError:
        reason = reason.strip().rstrip(".")
        if _TOO_LONG.search(reason):
            return ContextOverflowError(
                f"The prompt exceeds the context window of {self.context_window}: {reason}. "
                "Use fewer demos or a larger context window."
            )
        if status == 404 and "model" in reason:
            return UnknownModelError(
                f"Ollama at {self.endpoint} has no model {self._model!r}. Run `ollama pull {self._model}`."
            )
        if re.search(r"does not support (chat|generate|completion)", reason):
            return ModelError(
                f"{self._model!r} at {self.endpoint} writes no text: {reason}. If it is a decision model, name it "
                f"systemone/{self._model} with --api-base {self.endpoint}; else choose another."
            )
        if status in (408, 429) or status >= 500:
            return TransientError(f"Ollama at {self.endpoint} failed with status {status}: {reason}.")
        return ModelError(
            f"Ollama at {self.endpoint} refused the request with status {status}: {reason}. "
            "The address is that of the server itself, without a path."
        )


def _read_text(reply: Any, prompt: Prompt) -> tuple[str, str | None]:
    """Return the text, and the thought that Ollama told apart from it; None if there is none."""
    if prompt.is_chat:
        return reply.message.content or "", reply.message.thinking or None
    return reply.response or "", reply.thinking or None


def _read_logprobs(entries: list[dict[str, Any]], parts: Parts) -> TokenLogprobs:
    """Read Ollama's log-probabilities as far as they belong to the text.

    Ollama leaves out tokens whose text it held back (half a character, the start of a stop sequence),
    so that its first entry may stand for a later token.
    """
    entries, text = list(after_thought(entries, parts, text_of)), parts.answer
    first, said = entries[0]["token"] if entries else "", "".join(entry["token"] for entry in entries)
    if parts.thought is not None:  # the white space after it is not part of the text
        first, said = first.lstrip(), said.lstrip()
    if not (text.startswith(first) or first.startswith(text)):
        return NOTHING_TOLD
    told = read_entries(entries, text)
    return told if said.startswith(text) else told._replace(logprobs=None)


def _forbid_truncation(request: Any) -> None:
    """Have Ollama refuse a prompt that is too long, where by default it drops some of it silently.

    The client has no argument for `truncate`, hence this hook on its requests.
    """
    import httpx  # here for the same reason as in `_client`

    if request.method == "POST":
        body = json.dumps(json.loads(request.content) | {"truncate": False}).encode()
        request.stream = httpx.ByteStream(body)
        request.headers["Content-Length"] = str(len(body))
