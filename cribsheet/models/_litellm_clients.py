"""Reuse connections to the user's own server; LiteLLM would open a new one for every completion."""

from functools import cached_property
from typing import Any

from cribsheet.models._openai_replies import readable
from cribsheet.models._proxies import http_client, route
from cribsheet.models._redirects import refuse_redirects
from cribsheet.models._rewriting import rewriting

OPENAI_LIKE = frozenset({"openai", "text-completion-openai", "hosted_vllm", "llamafile"})
"""Providers that speak OpenAI's API, including raw completions, to any address they are given."""


class Clients:
    """HTTP clients to pass to LiteLLM, which reach this machine without a proxy. Hosted models have none."""

    def __init__(self, endpoint: str, provider: str, *, key: str | None, timeout: float) -> None:
        self._endpoint, self._provider = endpoint, provider
        self._key, self._timeout = key, timeout

    def options(self, *, for_chat: bool) -> dict[str, Any]:
        """Return the `client` argument for LiteLLM; empty if LiteLLM has to use a client of its own.

        Raises:
            ModelError: the environment names a proxy, or certificates, that cannot be used.
        """
        if not (self._endpoint and self._provider in OPENAI_LIKE):
            return {}
        return {"client": self._vllm if for_chat and self._provider == "hosted_vllm" else self._openai}

    def close(self) -> None:
        """Close the connections. They reopen when they are next needed."""
        for name in ("_openai", "_httpx"):
            if client := self.__dict__.pop(name, None):
                client.close()
        self.__dict__.pop("_vllm", None)

    @cached_property
    def _openai(self) -> Any:
        import openai  # imported here because LiteLLM has loaded it by now, so it costs nothing

        return openai.OpenAI(
            base_url=self._endpoint,
            api_key=self._key,
            timeout=self._timeout,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(
                event_hooks=self._hooks, follow_redirects=False, **route(self._endpoint)
            ),
        )

    @cached_property
    def _vllm(self) -> Any:
        # For chats with vLLM, LiteLLM needs a client of this class.
        from litellm.llms.custom_httpx.http_handler import HTTPHandler

        return HTTPHandler(client=self._httpx)

    @cached_property
    def _httpx(self) -> Any:
        return http_client(self._endpoint, timeout=self._timeout, event_hooks=self._hooks)

    @property
    def _hooks(self) -> Any:
        return {"response": [refuse_redirects, rewriting(readable)]}
