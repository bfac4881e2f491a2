"""Complete prompts with a model that Ollama serves."""

import json
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from cribsheet.errors import ContextOverflowError, ModelError, TransientError, UnreachableError
from cribsheet.models import forks
from cribsheet.models._asking import check_asks_for_text
from cribsheet.models._base import Completion, Sampling, Usage
from cribsheet.models._estimate import estimate_tokens, estimated_usage
from cribsheet.models._ollama_errors import Served, explained
from cribsheet.models._ollama_replies import logprobs_of
from cribsheet.models._probing import probe
from cribsheet.models._proxies import bad_proxy, direct
from cribsheet.models._refusals import Kind, Refusals, Refused, refused_of, sizes_of, within
from cribsheet.models._stops import cut_at_stop
from cribsheet.models._telling import ServerInformation
from cribsheet.models.addresses import read_address
from cribsheet.models.capabilities import Capabilities, Told
from cribsheet.models.systemone import SystemOneModel
from cribsheet.models.thinking import Thinking, told_apart
from cribsheet.prompts import Prompt

DEFAULT_WINDOW = 4096
"""The context window to ask for if nobody says: memory is set aside for all of it."""
MOST_LOGPROBS = 20
"""The most alternatives a token that Ollama reports; it answers 400 when asked for more."""


class OllamaModel:
    """A model behind Ollama's own API, reached through its official client.

    Raw prompts go to `/api/generate` with `raw`, chats to `/api/chat`: the model's template is applied
    to chats alone, by Ollama. Needs Ollama 0.12.11, which brought log-probabilities (without them
    `first_token` is None) and, in 0.12.6, the refusal of prompts that are too long.

    >>> OllamaModel("ollama_chat/qwen2.5:0.5b", api_base="localhost").endpoint
    'http://localhost:11434'

    Raises:
        AddressError: no server can be at the address.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str | None = None,
        parallel: int = 4,
        context_window: int | None = None,
        timeout: float = 120.0,
    ) -> None:
        self.name = name
        source, address = ("--api-base", api_base) if api_base else ("OLLAMA_HOST", os.environ.get("OLLAMA_HOST", ""))
        self.endpoint = read_address(address, dialect="ollama", source=source)
        self.parallel = parallel
        self._given_window = context_window
        self._model = name.partition("/")[2]
        self._timeout = timeout
        self._told = threading.local()
        self._information = ServerInformation(self.endpoint, key=os.environ.get("OLLAMA_API_KEY"))
        self._refusals = Refusals()
        self._worked: set[Kind] = set()
        """The kinds of prompts that the server has answered."""
        self._capabilities = Capabilities()
        self._thinking = Thinking()
        self._may_say_think = True
        forks.forget_in_child(self)

    @property
    def context_window(self) -> int:
        """The window that was given, else a usual one that the model was trained for."""
        return self._given_window or min(DEFAULT_WINDOW, self._capabilities.told.context_window or DEFAULT_WINDOW)

    @property
    def supports_raw(self) -> bool:
        """Whether raw prompts are completed, as Ollama does; some servers that speak its API do not."""
        return self._capabilities.raw.works

    @property
    def supports_chat(self) -> bool:
        """Whether chats are completed."""
        return self._capabilities.chat.works

    @property
    def counts_exactly(self) -> bool:
        """False: Ollama has no endpoint that counts tokens."""
        return False

    @cached_property
    def digest(self) -> str | None:
        """The `sha256:…` of the model's manifest; None when the model is not pulled."""
        pulled = self.pulled()
        digest = pulled.get(self._model) or pulled.get(f"{self._model}:latest")
        return digest and f"sha256:{digest.removeprefix('sha256:')}"

    def pulled(self) -> dict[str, str | None]:
        """Return the models that the server has, with the hash of each.

        Raises:
            UnreachableError, ModelError: nothing answers there, or something else than Ollama.
        """
        with explained(self._served):
            return {str(entry.model): entry.digest for entry in self._client.list().models}

    def told(self) -> Told:
        """Return what the server says of itself; some servers that speak Ollama's API list no models."""
        try:
            digest = self.digest
        except (UnreachableError, TransientError):
            raise
        except ModelError:
            digest = None
        return self._information.told_by_ollama(self._model, digest=digest)

    def probe(self, told: Told) -> Capabilities:
        """Ask for a few completions of one token and return what was granted."""
        if self.only_decides:  # it has nothing to write
            return Capabilities(told=told)
        most: dict[Kind, int] = {"chat": MOST_LOGPROBS, "raw": MOST_LOGPROBS}
        return probe(self.ask, told, kinds=("chat", "raw"), most_logprobs=most, extra={})

    def adopt(self, capabilities: Capabilities) -> None:
        """Ask for no more from now on than was granted."""
        self._capabilities = capabilities
        self._refusals.adopt(capabilities, self._worked)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt, without what the server refuses.

        A thought before the answer gets tokens of its own.
        """
        if prompt.question is not None and self.only_decides:
            return self._decisions.complete(prompt, sampling)
        check_asks_for_text(prompt, self.name)
        return self._thinking.complete(self._answer, prompt, sampling, window=self.context_window)

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        completion, _ = self.ask(prompt, sampling)
        return completion

    def ask(
        self, prompt: Prompt, sampling: Sampling, extra: Mapping[str, Any] = {}, *, insists: bool = False
    ) -> tuple[Completion, Mapping[str, int]]:
        """Return the completion of a prompt and what was granted of its parameters; `extra` are further options.

        For `insists` see `Refusals.ask`.
        """
        started = time.perf_counter()
        kind: Kind = "chat" if prompt.is_chat else "raw"
        top = min(sampling.top_logprobs, MOST_LOGPROBS) or None
        # An empty list would switch off the stop sequences of the Modelfile.
        given = {"seed": sampling.seed, "temperature": sampling.temperature, "stop": list(prompt.stop) or None, **extra}
        wanted = sizes_of(logprobs=top, **given)

        def send(sizes: Mapping[str, int]) -> Any:
            try:
                with explained(self._served, kind=kind, worked=self._worked):
                    return self._send(prompt, sampling, given, sizes)
            except Refused as refused:
                if not (self._may_say_think and "think" in refused.failure.words):
                    raise
                self._may_say_think = False  # some servers refuse the word for a model that does not think
                return send(sizes)

        reply, sizes = self._refusals.ask(kind, wanted, send, insists=insists)
        with explained(self._served):
            completion = self._read(reply, prompt)
        self._worked.add(kind)
        told = {"seconds": time.perf_counter() - started, "refused": refused_of(wanted, sizes)}
        return completion.model_copy(update=told), sizes

    def _read(self, reply: Any, prompt: Prompt) -> Completion:
        written, thought = _read_text(reply, prompt)
        parts = told_apart(written, prompt, thought=thought)
        text = cut_at_stop(parts.answer, prompt.stop)
        usage = Usage(
            prompt_tokens=reply.prompt_eval_count or 0,
            cached_tokens=self._told.cached_tokens,
            completion_tokens=reply.eval_count or 0,
        )
        self._check_fit(usage)
        told = logprobs_of([entry.model_dump() for entry in reply.logprobs or ()], parts)
        return Completion(
            text=text,
            thought=parts.thought,
            finish_reason="length" if reply.done_reason == "length" else "stop",
            first_token=told.first_token,
            logprobs=told.logprobs if text == parts.answer else None,
            usage=usage if usage.prompt_tokens else estimated_usage(prompt, text),
        )

    @cached_property
    def only_decides(self) -> bool:
        """Whether it is a decision model, which writes nothing."""
        with suppress(ModelError), explained(self._served):
            able = self._client.show(self._model).capabilities or ()
            return "decision" in able and "completion" not in able
        return False

    @cached_property
    def _decisions(self) -> SystemOneModel:
        return SystemOneModel(f"systemone/{self._model}", api_base=self.endpoint, timeout=self._timeout)

    def count_tokens(self, text: str) -> int:
        """Return an estimate from above."""
        return estimate_tokens(text)

    def close(self) -> None:
        """Close the connections; they are opened again when the model is next asked something."""
        self._information.close()
        if client := self.__dict__.pop("_client", None):
            client.close()

    def forget_connections(self) -> None:
        """Drop the connections; see `cribsheet.models.forks`."""
        self._information = ServerInformation(self.endpoint, key=os.environ.get("OLLAMA_API_KEY"))
        self.__dict__.pop("_client", None)

    @property
    def _served(self) -> Served:
        return Served(self.endpoint, self._model, self.context_window)

    @cached_property
    def _client(self) -> Any:
        import httpx
        import ollama  # here, for it brings httpx along: a fifth of a second that other models need not pay

        hooks = {"request": [_forbid_truncation], "response": [self._note_cached_tokens]}
        try:
            return ollama.Client(self.endpoint, timeout=self._timeout, event_hooks=hooks, **direct(self.endpoint))
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise bad_proxy(self.endpoint, error) from error

    def _note_cached_tokens(self, response: Any) -> None:
        """Keep, for the thread that waits for this answer, what of the prompt came from the prefix cache.

        The client drops the field, which Ollama tells since August 2026 beside the count of all tokens.
        """
        response.read()
        reply = response.json() if response.is_success else None
        self._told.cached_tokens = reply.get("prompt_eval_cached_count") if isinstance(reply, dict) else None

    def _send(self, prompt: Prompt, sampling: Sampling, given: Mapping[str, Any], sizes: Mapping[str, int]) -> Any:
        request: dict[str, Any] = {"options": self._options(sampling) | within(given, sizes)}
        request |= {"think": False} if self._may_say_think else {}
        if top := sizes.get("logprobs"):
            request |= {"logprobs": True, "top_logprobs": top}
        if prompt.is_chat:
            messages = [message.model_dump() for message in prompt.messages]
            return self._client.chat(self._model, messages, **request)
        return self._client.generate(self._model, prompt.text, raw=True, **request)

    def _options(self, sampling: Sampling) -> dict[str, Any]:
        return {
            "num_ctx": self.context_window,
            "num_predict": sampling.max_tokens,
            # A Modelfile may punish repetition, and a prompt with demos repeats the very words to choose from.
            "repeat_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
        }

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


def _read_text(reply: Any, prompt: Prompt) -> tuple[str, str | None]:
    """Return the text, and the thought that Ollama told apart from it; None if there is none."""
    if prompt.is_chat:
        return reply.message.content or "", reply.message.thinking or None
    return reply.response or "", reply.thinking or None


def _forbid_truncation(request: Any) -> None:
    """Have Ollama refuse a prompt that is too long, where by default it drops some of it silently.

    The client has no argument for `truncate`, hence this hook on its requests.
    """
    import httpx  # here for the same reason as in `_client`

    if request.method == "POST":
        body = json.dumps(json.loads(request.content) | {"truncate": False}).encode()
        request.stream = httpx.ByteStream(body)
        request.headers["Content-Length"] = str(len(body))
