"""Complete prompts with any model that LiteLLM reaches."""

import os
import sys
import threading
import time
from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from cribsheet.errors import UnknownModelError
from cribsheet.models import forks
from cribsheet.models._api_keys import checked_key
from cribsheet.models._base import DEFAULT_CONTEXT_WINDOW, KINDS, Completion, Kind, Sampling
from cribsheet.models._estimate import estimate_tokens
from cribsheet.models._holding import joined, kinds_held, with_holding
from cribsheet.models._litellm_clients import OPENAI_LIKE, Clients
from cribsheet.models._litellm_errors import Place, failure_of, may_be_refused
from cribsheet.models._litellm_package import address_of, import_litellm
from cribsheet.models._litellm_replies import completion_of
from cribsheet.models._probing import probe
from cribsheet.models._prompt_kinds import check_asks_for_text
from cribsheet.models._proxies import keep_direct
from cribsheet.models._refusals import Refusals, Refused, refused_of, sizes_of, within
from cribsheet.models._server_facts import ServerInformation
from cribsheet.models.capabilities import Capabilities, Tokenizer, Told, fingerprint
from cribsheet.models.no_thinking import NoThinking
from cribsheet.models.thinking import Thinking
from cribsheet.prompts import Prompt

__all__ = ["MOST_LOGPROBS", "LiteLLMModel", "import_litellm"]

MOST_LOGPROBS: Mapping[Kind, int] = {"chat": 20, "raw": 1000}
"""The most alternatives to ask for per token."""
_HOLDS = {"grammar": "grammar", "answer_schema": "response_format"}
"""The parameters that hold a completion to a type, by their setting of `Sampling`; the better one is first."""


class LiteLLMModel:
    """A model behind LiteLLM: on llama-server, vLLM or another OpenAI-compatible server, or a hosted model.

    Raw prompts are sent unchanged to `/v1/completions`. Chats go to `/v1/chat/completions`, where the server applies
    the model's chat template. Parameters that a server refuses are left out and listed in `Completion.refused`.

    Importing LiteLLM takes seconds. If a server address is given, the import waits for the first call. A hosted model
    needs it at once, because LiteLLM knows the context window.

    >>> LiteLLMModel("openai/qwen", api_base="localhost:8000/v1/").endpoint
    'http://localhost:8000/v1'

    Raises:
        AddressError: the address is not valid.
        ModelError: the key in the environment cannot be sent.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str | None = None,
        parallel: int = 8,
        context_window: int | None = None,
        timeout: float = 120.0,
    ) -> None:
        self.name = name
        self.parallel = parallel
        self._provider, _, self._model = name.partition("/")
        self.endpoint = address_of(api_base, self._provider)
        if keep_direct(self.endpoint) and "litellm" in sys.modules:
            import_litellm().in_memory_llm_clients_cache.flush_cache()  # its clients still use the proxy
        key_name = f"{self._provider.removeprefix('text-completion-').upper()}_API_KEY"
        self._place = Place(name, self.endpoint, self._provider, key_name)
        checked_key(os.environ.get(key_name), source=key_name)
        self._information = ServerInformation(self.endpoint, key=self._api_key)
        self._clients = Clients(self.endpoint, self._provider, key=self._api_key, timeout=timeout)
        self._timeout = timeout
        self._refusals = Refusals()
        forks.renew_in_child(self._refusals, "_lock", threading.Lock)
        self._worked: set[Kind] = set()
        """The kinds of prompts that the server has answered."""
        self._capabilities: Capabilities | None = None
        self._given_window = context_window or self._known_window()
        self._thinking = Thinking()
        forks.renew_in_child(self._thinking, "_finding_out", threading.Lock)
        forks.forget_in_child(self)

    @property
    def context_window(self) -> int:
        """The window that the user gave, else the one that the server reports, else `DEFAULT_CONTEXT_WINDOW`."""
        told = self._capabilities.told.context_window if self._capabilities else None
        return self._given_window or told or DEFAULT_CONTEXT_WINDOW

    @cached_property
    def digest(self) -> str | None:
        """An identifier of the weights, from the facts that the server reports; None if it reports none."""
        told = self._capabilities.told if self._capabilities else self.told()
        return fingerprint(told) if told else None

    @property
    def supports_raw(self) -> bool:
        """Whether the model completes raw prompts."""
        return self._provider_has_raw and (self._capabilities is None or self._capabilities.raw.works)

    @property
    def supports_chat(self) -> bool:
        """Whether the model completes chats."""
        return self._capabilities is None or self._capabilities.chat.works

    @property
    def counts_exactly(self) -> bool:
        """Whether `count_tokens` asks the server instead of estimating."""
        return self._tokenizer is not None

    def told(self) -> Told | None:
        """Return what the server reports about itself; None for a hosted model."""
        return self._information.told(self._model) if self.endpoint else None

    def probe(self, told: Told) -> Capabilities:
        """Find out what the server can do, by asking it for a few short completions."""
        kinds: tuple[Kind, ...] = ("chat", "raw") if self._provider_has_raw else ("chat",)
        most: dict[Kind, int] = {"chat": 20, "raw": 64}
        extra = {"n": 2, "logit_bias": {"0": 0}}
        found = probe(self.ask, told, kinds=kinds, most_logprobs=most, extra=extra, holds=self._may_hold)
        return found.model_copy(update={"tokenizer": self._information.tokenizer(self._model)})

    def adopt(self, capabilities: Capabilities) -> None:
        """From now on, ask for no more than the probe found to be granted."""
        self._capabilities = capabilities
        self._refusals.adopt(capabilities, self._worked)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt. Parameters that the server refuses are left out.

        If the model thinks before it answers, the thought gets tokens of its own.
        """
        check_asks_for_text(prompt, self.name)
        return self._thinking.complete(self._answer, prompt, sampling, window=self.context_window)

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        if not (prompt.is_chat or self.supports_raw):
            known = self._capabilities and self._capabilities.raw.reason
            raise self._place.without_style("raw", known or f"{self._provider} serves only chats")
        completion, _ = self.ask(prompt, sampling)
        return completion

    def ask(
        self, prompt: Prompt, sampling: Sampling, extra: Mapping[str, Any] = {}, *, insists: bool = False
    ) -> tuple[Completion, Mapping[str, int]]:
        """Return the completion of a prompt, and the sizes of its parameters that the server granted.

        `extra` holds further parameters. For `insists`, see `Refusals.ask`.
        """
        started = time.perf_counter()
        kind: Kind = "chat" if prompt.is_chat else "raw"
        top = min(sampling.top_logprobs, MOST_LOGPROBS[kind]) or None
        given = {"seed": sampling.seed, "temperature": sampling.temperature, "stop": list(prompt.stop) or None, **extra}
        if prompt.is_chat or self._is_own_server:
            given |= {own: held for name, own in self._may_hold.items() if (held := getattr(sampling, name))}
        wanted = sizes_of(logprobs=top, max_tokens=sampling.max_tokens, **given)

        def send(sizes: Mapping[str, int]) -> Any:
            return self._send(prompt, sampling, given, sizes)

        reply, sizes = self._refusals.ask(kind, wanted, send, insists=insists)
        completion = completion_of(reply, prompt, self._place, most=sampling.max_tokens, tells=bool(top))
        self._worked.add(kind)
        refused = (*refused_of(wanted, sizes), *completion.refused)
        seconds = time.perf_counter() - started
        completion = completion.model_copy(update={"refused": refused, "seconds": seconds})
        return completion, sizes

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in a text, counted by the server, else an estimate that errs on the high side."""
        count = self.exact_count(text)
        return estimate_tokens(text) if count is None else count

    def exact_count(self, text: str) -> int | None:
        """Return the number of tokens in a text; None if the server does not count it."""
        way = self._tokenizer
        return self._information.count(way, self._model, text) if way else None

    def close(self) -> None:
        """Close this model's connections. LiteLLM keeps those that it opened itself."""
        self._information.close()
        self._clients.close()

    def forget_connections(self) -> None:
        """Drop the connections, including LiteLLM's own; see `cribsheet.models.forks`."""
        self._information = ServerInformation(self.endpoint, key=self._api_key)
        self._clients = Clients(self.endpoint, self._provider, key=self._api_key, timeout=self._timeout)
        if "_litellm" in self.__dict__:
            self._litellm.in_memory_llm_clients_cache.flush_cache()

    @cached_property
    def _tokenizer(self) -> Tokenizer | None:
        """Which kind of `/tokenize` request the server understands; None if it counts no tokens."""
        if self._capabilities and self._capabilities.calls:
            return self._capabilities.tokenizer
        return self._information.tokenizer(self._model) if self.endpoint else None

    @cached_property
    def _provider_has_raw(self) -> bool:
        if self._provider in OPENAI_LIKE:
            is_chat_only = not self.endpoint and self._model in self._litellm.open_ai_chat_completion_models
            return not is_chat_only
        return self._provider in self._litellm.openai_text_completion_compatible_providers

    def _known_window(self) -> int | None:
        if self.endpoint:  # LiteLLM knows nothing about the user's own server, so it need not be imported
            return None
        prices = self._litellm.model_cost
        known = prices.get(self.name) or prices.get(self._model) or {}
        window: int | None = known.get("max_input_tokens")
        return window

    @cached_property
    def _litellm(self) -> Any:
        litellm = import_litellm()
        try:
            litellm.get_llm_provider(self.name)
        except litellm.BadRequestError as error:
            raise UnknownModelError(
                f"LiteLLM knows no provider {self._provider!r}, so it cannot run {self.name!r}. Use embedded/NAME, "
                "ollama_chat/NAME, or openai/NAME with --api-base for your own server."
            ) from error
        return litellm

    @cached_property
    def _no_thinking(self) -> NoThinking:
        known = self._litellm.get_supported_openai_params(self._model, self._provider) or ()
        return NoThinking(templates=self._is_own_server, efforts="reasoning_effort" in known)

    @property
    def takes_grammar(self) -> Collection[Kind]:
        """The kinds of prompts for which the server may take a grammar, as llama-server and vLLM do."""
        return kinds_held("grammar", KINDS if self._is_own_server else (), self._capabilities)

    @property
    def takes_json_schema(self) -> Collection[Kind]:
        """The kinds of prompts for which the server may take a JSON Schema; hosted models take them for chats alone."""
        hosted: Collection[Kind] = ["chat"] if self._may_hold else []
        return kinds_held("response_format", KINDS if self._is_own_server else hosted, self._capabilities)

    @property
    def _is_own_server(self) -> bool:
        """Whether it is a server of the user's own, such as llama-server, vLLM, SGLang or LM Studio."""
        return bool(self.endpoint) and self._provider in OPENAI_LIKE

    @cached_property
    def _may_hold(self) -> Mapping[str, str]:
        """The parameters that may hold a completion, by their setting of `Sampling`."""
        if self._is_own_server:
            return _HOLDS
        supports = self._litellm.supports_response_schema(self._model, self._provider)
        return {"answer_schema": _HOLDS["answer_schema"]} if supports else {}

    @property
    def _api_key(self) -> str | None:
        """The provider's API key; a placeholder for the user's own server, which needs none."""
        return os.environ.get(self._place.key_name) or ("none" if self.endpoint else None)

    def _send(self, prompt: Prompt, sampling: Sampling, given: Mapping[str, Any], sizes: Mapping[str, int]) -> Any:
        """Send a request with parameters of these sizes.

        Raises:
            Refused: the server may have refused one of the parameters.
            ModelError: the request failed for another reason.
        """
        litellm, request = self._litellm, self._request(sampling, sizes)
        request |= with_holding(within(given, sizes), in_body=self._is_own_server)
        request |= self._clients.options(for_chat=prompt.is_chat)
        top = sizes.get("logprobs", 0)
        try:
            if prompt.is_chat:
                request |= {"logprobs": True, "top_logprobs": top} if top else {}
                messages = [message.model_dump() for message in prompt.messages]
                request = joined(request, self._no_thinking.parameters())
                reply = litellm.completion(model=self.name, messages=messages, **request)
                self._no_thinking.grant()
                return reply
            # LiteLLM would send a raw prompt for `openai/gpt-4` to the chat endpoint, even on another server.
            name = f"text-completion-openai/{self._model}" if self._provider == "openai" else self.name
            request |= {"logprobs": top} if top else {}
            return litellm.text_completion(model=name, prompt=prompt.text, **request)
        except Exception as error:
            kind: Kind = "chat" if prompt.is_chat else "raw"
            failure = failure_of(error, self._place, kind, worked=self._worked, lacks_key=self._lacks_key)
            if prompt.is_chat and self._no_thinking.refuse(failure.status, failure.words):
                return self._send(prompt, sampling, given, sizes)
            if may_be_refused(failure):
                raise Refused(failure) from error
            raise failure.error from error

    def _request(self, sampling: Sampling, sizes: Mapping[str, int]) -> dict[str, Any]:
        # Size 0 of `max_tokens` means that the server refuses this name; OpenAI's newer name is used instead.
        limit = "max_tokens" if sizes["max_tokens"] else "max_completion_tokens"
        return {
            limit: sampling.max_tokens,
            "timeout": self._timeout,
            "api_base": self.endpoint or None,
            "api_key": self._api_key,
            "drop_params": True,
            # Cribsheet retries by itself. `max_retries` is the OpenAI client's setting, which is 2 by default.
            "num_retries": 0,
            "max_retries": 0,
        }

    @property
    def _lacks_key(self) -> bool:
        """Whether a hosted model needs a key that the environment does not have."""
        return not self.endpoint and bool(self._litellm.validate_environment(self.name)["missing_keys"])
