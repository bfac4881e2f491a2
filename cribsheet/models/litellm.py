"""Complete prompts with any model that LiteLLM reaches."""

import os
import re
import time
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import Any, Literal

from cribsheet.errors import (
    ContextOverflowError,
    ModelError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import forks
from cribsheet.models._asking import check_asks_for_text
from cribsheet.models._base import Completion, Sampling
from cribsheet.models._estimate import estimate_tokens
from cribsheet.models._logprobs import NOTHING_TOLD
from cribsheet.models._replies import read_logprobs, read_thought, read_usage
from cribsheet.models.no_thinking import NoThinking
from cribsheet.models.thinking import Thinking, told_apart
from cribsheet.prompts import Prompt

DEFAULT_WINDOW = 4096
"""The context window assumed if nobody tells one."""
OPENAI_LIKE = frozenset({"openai", "text-completion-openai", "hosted_vllm", "llamafile"})
"""Providers that speak OpenAI's API to whatever address they are given, raw completions included."""
_TOO_LONG = re.compile(r"context (length|size|window)", re.IGNORECASE)
_WRAPPINGS = re.compile(r"^([\w.-]*(Error|Exception|Timeout)(: | - ))+")
"""What LiteLLM puts in front of a message: the names of its own errors, one for each layer."""

Kind = Literal["raw", "chat"]


class LiteLLMModel:
    """A model behind LiteLLM: llama-server, vLLM, any other OpenAI-compatible server, a hosted model.

    Raw prompts go to `/v1/completions` to the byte, chats to `/v1/chat/completions`, where the server
    applies the model's template. LiteLLM's import takes seconds: it waits for the first call where the
    address is given; of a hosted model LiteLLM is asked for the context window at once.

    >>> LiteLLMModel("openai/qwen", api_base="http://localhost:8000/v1/").endpoint
    'http://localhost:8000/v1'
    """

    digest: str | None = None
    """None: an OpenAI-compatible server does not tell what identifies the weights."""

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
        self.endpoint = (api_base or _address_from_environment(self._provider)).rstrip("/")
        self._timeout = timeout
        self._most_logprobs: dict[Kind, int] = {"chat": 20, "raw": 1000}
        self.context_window = context_window or self._known_window()
        self._thinking = Thinking()
        forks.forget_in_child(self)

    @cached_property
    def supports_raw(self) -> bool:
        """Whether the provider completes raw prompts, not chats alone."""
        if self._provider in OPENAI_LIKE:
            is_chat_only = not self.endpoint and self._model in self._litellm.open_ai_chat_completion_models
            return not is_chat_only
        return self._provider in self._litellm.openai_text_completion_compatible_providers

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt; a thought before the answer gets tokens of its own."""
        check_asks_for_text(prompt, self.name)
        return self._thinking.complete(self._answer, prompt, sampling, window=self.context_window)

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        if not (prompt.is_chat or self.supports_raw):
            raise ModelError(
                f"{self.name} completes chats, not raw prompts. Choose a chat layout, or reach an "
                "OpenAI-compatible server with openai/NAME and --api-base."
            )
        started = time.perf_counter()
        reply = self._ask(prompt, sampling)
        usage = read_usage(reply)
        parts = told_apart(self._text(reply, prompt), prompt, thought=read_thought(reply))
        is_cut = reply.choices[0].finish_reason == "length"
        if is_cut and parts.thought is None and 0 < usage.completion_tokens < sampling.max_tokens:
            raise self._overflow("it ends before the completion does")
        told = read_logprobs(reply.choices[0], parts) if sampling.top_logprobs else NOTHING_TOLD
        return Completion(
            text=parts.answer,
            thought=parts.thought,
            finish_reason="length" if is_cut else "stop",
            first_token=told.first_token,
            logprobs=told.logprobs,
            usage=usage,
            seconds=time.perf_counter() - started,
        )

    def count_tokens(self, text: str) -> int:
        """Return an estimate from above: the tokenizer is the server's."""
        return estimate_tokens(text)

    def close(self) -> None:
        """Close the connections of raw completions; LiteLLM keeps those of chats."""
        if client := self.__dict__.pop("_client", None):
            client.close()

    def forget_connections(self) -> None:
        """Drop the connections, LiteLLM's own too; see `cribsheet.models.forks`."""
        self.__dict__.pop("_client", None)
        if "_litellm" in self.__dict__:
            self._litellm.in_memory_llm_clients_cache.flush_cache()

    def _known_window(self) -> int:
        if self.endpoint:  # a server of one's own, of which LiteLLM knows nothing: no reason to import it
            return DEFAULT_WINDOW
        prices = self._litellm.model_cost
        known = prices.get(self.name) or prices.get(self._model) or {}
        return known.get("max_input_tokens") or DEFAULT_WINDOW

    @cached_property
    def _litellm(self) -> Any:
        litellm = import_litellm()
        try:
            litellm.get_llm_provider(self.name)
        except litellm.BadRequestError as error:
            raise UnknownModelError(
                f"LiteLLM knows no provider {self._provider!r}, so {self.name!r} leads to no model. Use "
                "embedded/NAME, ollama_chat/NAME, or openai/NAME with --api-base for your own server."
            ) from error
        return litellm

    @cached_property
    def _client(self) -> Any:
        """Connections for raw completions: LiteLLM would open new ones at every call, at 25 ms each."""
        if not (self.endpoint and self._provider in OPENAI_LIKE):
            return None
        import openai  # here, for LiteLLM has imported it by then

        return openai.OpenAI(base_url=self.endpoint, api_key=self._api_key, timeout=self._timeout, max_retries=0)

    @cached_property
    def _no_thinking(self) -> NoThinking:
        known = self._litellm.get_supported_openai_params(self._model, self._provider) or ()
        is_own_server = bool(self.endpoint) and self._provider in OPENAI_LIKE
        return NoThinking(templates=is_own_server, efforts="reasoning_effort" in known)

    @property
    def _key_name(self) -> str:
        provider = self._provider.removeprefix("text-completion-")
        return f"{provider.upper()}_API_KEY"

    @property
    def _api_key(self) -> str | None:
        """The provider's key; a placeholder for a server of one's own, which needs none."""
        return os.environ.get(self._key_name) or ("none" if self.endpoint else None)

    def _ask(self, prompt: Prompt, sampling: Sampling) -> Any:
        """Send the prompt, asking for fewer log-probabilities, then for none, if the server refuses."""
        litellm = self._litellm
        import openai  # here, for LiteLLM has imported it by then

        kind: Kind = "chat" if prompt.is_chat else "raw"
        top = min(sampling.top_logprobs, self._most_logprobs[kind])
        while True:
            try:
                reply = self._send(prompt, sampling, top)
                self._no_thinking.grant()
                return reply
            except openai.OpenAIError as error:
                if prompt.is_chat and self._no_thinking.refuse(getattr(error, "status_code", 500), str(error)):
                    continue
                refused = isinstance(error, litellm.BadRequestError) and "logprobs" in str(error)
                if not (top and refused):
                    raise self._explain(error) from error
                # vLLM grants 20 by default, OpenAI's raw completions 5.
                top = next(fewer for fewer in (20, 5, 0) if fewer < top)
                self._most_logprobs[kind] = top

    def _send(self, prompt: Prompt, sampling: Sampling, top: int) -> Any:
        request: dict[str, Any] = {
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "seed": sampling.seed,
            "timeout": self._timeout,
            "api_base": self.endpoint or None,
            "api_key": self._api_key,
            "drop_params": True,
            # Retries are Cribsheet's own; the second one is the OpenAI client's, which is 2 by default.
            "num_retries": 0,
            "max_retries": 0,
        }
        if prompt.stop:
            request["stop"] = list(prompt.stop)
        if prompt.is_chat:
            wanted: dict[str, Any] = {"logprobs": True, "top_logprobs": top} if top else {}
            messages = [message.model_dump() for message in prompt.messages]
            wanted |= self._no_thinking.parameters()
            return self._litellm.completion(model=self.name, messages=messages, **request, **wanted)
        # `openai/gpt-4` would go to the chat endpoint, whatever server is behind the address.
        name = f"text-completion-openai/{self._model}" if self._provider == "openai" else self.name
        request |= {"logprobs": top} if top else {}
        request |= {"client": self._client} if self._client else {}
        return self._litellm.text_completion(model=name, prompt=prompt.text, **request)

    def _text(self, reply: Any, prompt: Prompt) -> str:
        choice = reply.choices[0] if reply.choices else None
        if choice is None or (not prompt.is_chat and choice.text is None):
            raise self._not_openai("it gave no completion")
        if not prompt.is_chat:
            return str(choice.text)
        text, last = choice.message.content or "", prompt.messages[-1]
        # llama-server repeats a turn of the assistant that it was given to go on with.
        return text.removeprefix(last.content) if last.role == "assistant" else text

    def _explain(self, error: Any) -> ModelError:
        causes = {_name(cause) for cause in _causes(error)}
        status = getattr(error, "status_code", 500)
        reason = _WRAPPINGS.sub("", str(error).splitlines()[0]).rstrip(".")[:300]
        where = self.endpoint or self._provider
        if causes & {"httpx.ConnectError", "httpx.UnsupportedProtocol"}:
            return UnreachableError(f"Nothing answers at {where}. Start the server, or check --api-base.")
        if _TOO_LONG.search(reason):
            return self._overflow(reason)
        if status in (401, 403) or self._lacks_key(causes):
            return ModelError(f"{where} does not accept the key: {reason}. Set {self._key_name}.")
        if status == 404:
            return UnknownModelError(
                f"{where} has no model {self._model!r}, or no such path: {reason}. Check the name, and that "
                "--api-base ends as the server says, mostly in /v1."
            )
        is_about_connection = any(cause.startswith("httpx.") for cause in causes)
        if self.endpoint and not is_about_connection:  # so LiteLLM stumbled over the answer
            return self._not_openai(reason)
        if status in (408, 429) or status >= 500:
            return TransientError(f"{where} failed with status {status}: {reason}.")
        return ModelError(f"{where} refused the request with status {status}: {reason}.")

    def _overflow(self, reason: str) -> ContextOverflowError:
        return ContextOverflowError(
            f"The prompt does not fit the context window of {self.name}: {reason}. Use fewer demos."
        )

    def _lacks_key(self, causes: Collection[str]) -> bool:
        """Tell whether the request failed before it was sent, for want of a key."""
        if self.endpoint or "httpx.HTTPStatusError" in causes:
            return False
        return bool(self._litellm.validate_environment(self.name)["missing_keys"])

    def _not_openai(self, reason: str) -> ModelError:
        return ModelError(
            f"{self.endpoint or self._provider} does not answer as an OpenAI-compatible server does: {reason}. "
            "Check --api-base: most such addresses end in /v1."
        )


def import_litellm() -> Any:
    """Return the package `litellm`: its import takes seconds, so nothing does it before it must."""
    # LiteLLM looks up prices on the network, three times over, unless this is set before its import.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True
    return litellm


def _address_from_environment(provider: str) -> str:
    if provider.removeprefix("text-completion-") == "openai":
        return os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE") or ""
    return os.environ.get(f"{provider.upper()}_API_BASE") or ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error with all that led to it: LiteLLM keeps what the connection met only there."""
    cause: BaseException | None = error
    while cause:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _name(error: BaseException) -> str:
    """Return an error's full name, in which newer OpenAI clients have httpx2 for httpx."""
    return f"{type(error).__module__}.{type(error).__name__}".replace("httpx2.", "httpx.", 1)
