"""Complete prompts with a model served by Ollama."""

import json
import os
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from cribsheet.errors import ContextOverflowError, ModelError, TransientError, UnreachableError
from cribsheet.models import forks
from cribsheet.models._api_keys import checked_key
from cribsheet.models._base import DEFAULT_CONTEXT_WINDOW, KINDS, Completion, Kind, Sampling, Usage
from cribsheet.models._estimate import estimate_tokens, estimated_usage
from cribsheet.models._holding import kinds_held
from cribsheet.models._hosts import read_server
from cribsheet.models._logprobs import ABOVE_0
from cribsheet.models._ollama_client import ollama_client
from cribsheet.models._ollama_errors import KEY, Served, explained
from cribsheet.models._ollama_replies import logprobs_of, usage_of, with_bytes
from cribsheet.models._probing import probe
from cribsheet.models._prompt_kinds import check_asks_for_text
from cribsheet.models._refusals import Refusals, Refused, refused_of, sizes_of, within
from cribsheet.models._server_facts import ServerInformation
from cribsheet.models._stops import cut_at_stop
from cribsheet.models._thoughts import told_apart
from cribsheet.models.capabilities import Capabilities, Told
from cribsheet.models.systemone import SystemOneModel
from cribsheet.models.thinking import Thinking
from cribsheet.prompts import Prompt

MOST_LOGPROBS = 20
"""The most alternatives that Ollama reports per token. It answers with status 400 if asked for more."""


class OllamaModel:
    """A model behind Ollama's own API, reached through its official client.

    Raw prompts go to `/api/generate` with `raw` set, and chats to `/api/chat`, where Ollama applies the model's chat
    template. Use Ollama 0.12.11 or later. It reports log-probabilities; without them, `first_token` is None. Since
    0.12.6, Ollama also refuses prompts that are too long.

    >>> OllamaModel("ollama_chat/qwen2.5:0.5b", api_base="localhost").endpoint
    'http://localhost:11434'

    Raises:
        AddressError: the address is not valid.
        ModelError: the key in OLLAMA_API_KEY cannot be sent.
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
        self.endpoint = read_server(address, dialect="ollama", source=source)
        self._key = checked_key(os.environ.get(KEY), source=KEY)
        self.parallel = parallel
        self._given_window = context_window
        self._model = name.partition("/")[2]
        self._timeout = timeout
        self._told = threading.local()
        self._information = ServerInformation(self.endpoint, key=self._key)
        self._refusals = Refusals()
        forks.renew_in_child(self._refusals, "_lock", threading.Lock)
        self._worked: set[Kind] = set()
        """The kinds of prompts that the server has answered."""
        self._capabilities = Capabilities()
        self._thinking = Thinking()
        forks.renew_in_child(self._thinking, "_finding_out", threading.Lock)
        self._may_say_think = True
        forks.forget_in_child(self)

    @property
    def context_window(self) -> int:
        """The window that the user gave, else the model's own window, up to `DEFAULT_CONTEXT_WINDOW`."""
        return self._given_window or min(
            DEFAULT_CONTEXT_WINDOW, self._capabilities.told.context_window or DEFAULT_CONTEXT_WINDOW
        )

    @property
    def takes_json_schema(self) -> Collection[Kind]:
        """The kinds of prompts for which Ollama takes a JSON Schema: from version 0.5 on, all."""
        return kinds_held("format", KINDS, self._capabilities)

    @property
    def supports_raw(self) -> bool:
        """Whether raw prompts are completed. Ollama does so, but some servers with its API do not."""
        return self._capabilities.raw.works

    @property
    def supports_chat(self) -> bool:
        """Whether the model completes chats."""
        return self._capabilities.chat.works

    @property
    def counts_exactly(self) -> bool:
        """False, because Ollama has no endpoint that counts tokens."""
        return False

    @cached_property
    def digest(self) -> str | None:
        """The `sha256:…` of the model's manifest; None if the model is not pulled."""
        pulled = self.pulled()
        digest = pulled.get(self._model) or pulled.get(f"{self._model}:latest")
        return digest and f"sha256:{digest.removeprefix('sha256:')}"

    def pulled(self) -> dict[str, str | None]:
        """Return the name and hash of each model that the server has.

        Raises:
            UnreachableError: no server answers there.
            ModelError: a server other than Ollama answers there.
        """
        with explained(self._served):
            return {str(entry.model): entry.digest for entry in self._client.list().models}

    def told(self) -> Told:
        """Return what the server reports about itself. There is no digest if it cannot list its models."""
        self.__dict__.pop("digest", None)  # it may have changed since it was asked for
        try:
            digest = self.digest
        except (UnreachableError, TransientError):
            raise
        except ModelError:
            digest = None
        return self._information.told_by_ollama(self._model, digest=digest)

    def probe(self, told: Told) -> Capabilities:
        """Find out what the server can do, by asking it for a few short completions."""
        if self.only_decides:  # such a model completes no prompts
            return Capabilities(told=told)
        most: dict[Kind, int] = {"chat": MOST_LOGPROBS, "raw": MOST_LOGPROBS}
        holds = {"answer_schema": "format"}
        return probe(self.ask, told, kinds=("chat", "raw"), most_logprobs=most, extra={}, holds=holds)

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on, ask for no more than the probe found to be granted."""
        self._capabilities = capabilities
        self._refusals.adopt(capabilities, self._worked)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt. Parameters that the server refuses are left out.

        If the model thinks before it answers, the thought gets tokens of its own.
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
        """Return the completion of a prompt, and the sizes of its parameters that the server granted.

        `extra` holds further options. For `insists`, see `Refusals.ask`.
        """
        started = time.perf_counter()
        kind: Kind = "chat" if prompt.is_chat else "raw"
        top = min(sampling.top_logprobs, MOST_LOGPROBS) or None
        # An empty list would turn off the stop sequences of the Modelfile.
        given = {"seed": sampling.seed, "temperature": sampling.temperature, "stop": list(prompt.stop) or None, **extra}
        given |= {"format": sampling.answer_schema} if sampling.answer_schema else {}
        wanted = sizes_of(logprobs=top, **given)

        def send(sizes: Mapping[str, int]) -> Any:
            try:
                with explained(self._served, kind=kind, worked=self._worked):
                    return self._send(prompt, sampling, given, sizes)
            except Refused as refused:
                if not (self._may_say_think and "think" in refused.failure.words):
                    raise
                self._may_say_think = False  # some servers refuse `think` for a model that does not think
                return send(sizes)

        reply, sizes = self._refusals.ask(kind, wanted, send, insists=insists)
        with explained(self._served):
            completion = self._read(reply, prompt)
        self._worked.add(kind)
        told = {"seconds": time.perf_counter() - started, "refused": (*refused_of(wanted, sizes), *completion.refused)}
        return completion.model_copy(update=told), sizes

    def _read(self, reply: Any, prompt: Prompt) -> Completion:
        written, thought = _read_text(reply, prompt)
        parts = told_apart(written, prompt, thought=thought)
        text = cut_at_stop(parts.answer, prompt.stop)
        usage = usage_of(
            reply.prompt_eval_count, reply.eval_count, cached_tokens=self._told.reply.get("prompt_eval_cached_count")
        )
        self._check_fit(usage)
        entries = with_bytes([entry.model_dump() for entry in reply.logprobs or ()], self._told.reply)
        told = logprobs_of(entries, parts)
        return Completion(
            text=text,
            thought=parts.thought,
            finish_reason="length" if reply.done_reason == "length" else "stop",
            first_token=told.first_token,
            parts=told.parts,
            logprobs=told.logprobs if text == parts.answer else None,
            refused=(ABOVE_0,) if told.is_above_0 else (),
            usage=usage if usage.prompt_tokens else estimated_usage(prompt, text),
        )

    @cached_property
    def only_decides(self) -> bool:
        """Whether it is a decision model, which writes no text."""
        with suppress(ModelError), explained(self._served):
            able = self._client.show(self._model).capabilities or ()
            return "decision" in able and "completion" not in able
        return False

    @cached_property
    def _decisions(self) -> SystemOneModel:
        return SystemOneModel(f"systemone/{self._model}", api_base=self.endpoint, timeout=self._timeout)

    def count_tokens(self, text: str) -> int:
        """Return an estimate of the number of tokens in a text, which errs on the high side."""
        return estimate_tokens(text)

    def close(self) -> None:
        """Close the connections. They reopen at the next request."""
        self._information.close()
        if client := self.__dict__.pop("_client", None):
            client.close()

    def forget_connections(self) -> None:
        """Drop the connections; see `cribsheet.models.forks`."""
        self._information = ServerInformation(self.endpoint, key=self._key)
        self.__dict__.pop("_client", None)

    @property
    def _served(self) -> Served:
        return Served(self.endpoint, self._model, self.context_window, self._key)

    @cached_property
    def _client(self) -> Any:
        return ollama_client(self.endpoint, timeout=self._timeout, heed=self._note_reply)

    def _note_reply(self, response: Any) -> None:
        """Store the reply for the thread that waits for it, since Ollama's client drops some of its fields.

        These are the bytes of tokens, and the number of cached prompt tokens, which Ollama reports since August 2026.
        """
        response.read()
        reply = response.json()
        self._told.reply = reply if isinstance(reply, dict) else {}

    def _send(self, prompt: Prompt, sampling: Sampling, given: Mapping[str, Any], sizes: Mapping[str, int]) -> Any:
        options = self._options(sampling) | within(given, sizes)
        schema = options.pop("format", None)
        request: dict[str, Any] = {"options": options} | ({"format": json.loads(schema)} if schema else {})
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
            # A Modelfile may set a repetition penalty, which would punish the answer words that the demos repeat.
            "repeat_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
        }

    def _check_fit(self, usage: Usage) -> None:
        """Raise if the prompt and its completion fill the context window.

        Before 0.12.6, Ollama cut a long prompt to the window instead of refusing it. All versions drop the prompt's
        beginning if the completion does not fit after it.
        """
        tokens = usage.prompt_tokens + usage.completion_tokens
        if tokens >= self.context_window:
            raise ContextOverflowError(
                f"The prompt and its completion have {tokens} tokens or more, which fill the context window of "
                f"{self.context_window} tokens. Use fewer demos, or set a larger window with --context-window."
            )


def _read_text(reply: Any, prompt: Prompt) -> tuple[str, str | None]:
    """Return the text, and the thought if Ollama reports one separately."""
    if prompt.is_chat:
        return reply.message.content or "", reply.message.thinking or None
    return reply.response or "", reply.thinking or None
