"""Keep connections to a server of one's own, where LiteLLM would open new ones at every completion."""

from functools import cached_property
from typing import Any

from cribsheet.models._proxies import direct

OPENAI_LIKE = frozenset({"openai", "text-completion-openai", "hosted_vllm", "llamafile"})
"""Providers that speak OpenAI's API to whatever address they are given, raw completions included."""


class Clients:
    """The clients to hand to LiteLLM, which reach this machine without a proxy; there are none for hosted models."""

    def __init__(self, endpoint: str, provider: str, *, key: str | None, timeout: float) -> None:
        self._endpoint, self._provider = endpoint, provider
        self._key, self._timeout = key, timeout

    def options(self, *, for_chat: bool) -> dict[str, Any]:
        """Return LiteLLM's argument for a client of one's own; empty if it has to take its own."""
        if not (self._endpoint and self._provider in OPENAI_LIKE):
            return {}
        return {"client": self._vllm if for_chat and self._provider == "hosted_vllm" else self._openai}

    def close(self) -> None:
        """Close the connections; they are opened again when they are next needed."""
        for name in ("_openai", "_httpx"):
            if client := self.__dict__.pop(name, None):
                client.close()
        self.__dict__.pop("_vllm", None)

    @cached_property
    def _openai(self) -> Any:
        import openai  # here, for LiteLLM has imported it by then

        return openai.OpenAI(
            base_url=self._endpoint,
            api_key=self._key,
            timeout=self._timeout,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(**direct(self._endpoint)),
        )

    @cached_property
    def _vllm(self) -> Any:
        # LiteLLM sends chats to vLLM by a client of its own kind.
        from litellm.llms.custom_httpx.http_handler import HTTPHandler

        return HTTPHandler(client=self._httpx)

    @cached_property
    def _httpx(self) -> Any:
        import httpx

        return httpx.Client(timeout=self._timeout, **direct(self._endpoint))
