"""Complete prompts with the model that a server runs."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Literal

from cribsheet.errors import ContextOverflowError, ModelError
from cribsheet.export.standalone.dialects import OPENAI, Dialect, Ollama, OpenAI
from cribsheet.export.standalone.program import Program
from cribsheet.export.standalone.server import Server, patiently
from cribsheet.models import Completion, Sampling
from cribsheet.models._api_keys import checked_key
from cribsheet.models._base import Kind
from cribsheet.models._refusals import Refusals, Refused, sizes_of
from cribsheet.models._server_messages import first_words
from cribsheet.models.addresses import LLAMA_SERVER_PORT, OLLAMA_PORT, read_address, with_path
from cribsheet.models.thinking import Thinking
from cribsheet.prompts import Prompt

Api = Literal["ollama", "openai"]


class Client:
    """A model that answers prompts, safe to use from several threads; `connect` makes one."""

    def __init__(self, dialect: Dialect, *, context_window: int, sleep: Callable[[float], None] = time.sleep):
        self._dialect = dialect
        self._context_window = context_window
        self._sleep = sleep
        self._refusals = Refusals()
        self._thinking = Thinking()

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt, without what the server refuses; ModelError if there is none."""

        def ask() -> Completion:
            return self._thinking.complete(self._answer, prompt, sampling, window=self._context_window)

        return patiently(ask, sleep=self._sleep)

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        kind: Kind = "chat" if prompt.is_chat else "raw"
        top = min(sampling.top_logprobs, self._dialect.most_logprobs(kind)) or None
        given: dict[str, Any] = {
            "seed": sampling.seed,
            "temperature": sampling.temperature,
            "stop": list(prompt.stop) or None,
        }
        given |= {"grammar": sampling.grammar} if sampling.grammar and self._dialect.takes_grammar else {}
        given |= {self._dialect.schema_name: sampling.answer_schema} if sampling.answer_schema else {}
        wanted = sizes_of(logprobs=top, max_tokens=sampling.max_tokens, **given)
        reply, _ = self._refusals.ask(kind, wanted, lambda sizes: self._dialect.send(prompt, sampling, given, sizes))
        try:
            completion = self._dialect.read(reply, prompt, sampling)
        except Refused as refused:  # what reading asked for in addition
            raise refused.failure.error from refused
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            shown = first_words(reply)
            raise ModelError(f"The server's answer is no completion: {shown}. Check --api and --api-base.") from error
        self._check_room(completion, sampling)
        return completion

    def _check_room(self, completion: Completion, sampling: Sampling) -> None:
        """Raise if the end of the server's context window cut the completion."""
        written = completion.usage.completion_tokens
        is_cut = completion.finish_reason == "length" and completion.thought is None
        if is_cut and 0 < written < sampling.max_tokens:
            raise ContextOverflowError(
                f"The completion ends after {written} tokens, where the server's context window does. Give shorter "
                f"inputs, or start the server with a window of {self._context_window} tokens."
            )


def connect(
    program: Program,
    *,
    api: Api | None = None,
    api_base: str | None = None,
    api_key: str | None = None,
    model: str | None = None,
    timeout: float = 120.0,
) -> Client:
    """Return a client for the server that runs a program's model.

    Args:
        program: what the client is for.
        api: `ollama` or `openai` (llama-server, vLLM and others too); None to ask the server.
        api_base: its address; None for OPENAI_BASE_URL or OLLAMA_HOST, else where such a server usually is.
        api_key: its key; None for OPENAI_API_KEY or OLLAMA_API_KEY.
        model: what the server calls the model; None for the name that it was compiled under.
        timeout: the seconds that one request may take; one that takes longer is sent again, up to 3 times.

    Raises:
        AddressError: no server can be at the address.
        ModelError: no request can take `timeout` seconds, or no HTTP header takes the key.
        UnreachableError: nothing answers there; not if `api` is given, for nothing is asked then.
    """
    provider, _, bare = program.model.partition("/")
    address = _address(program, provider, api, api_base)
    root = address.removesuffix("/v1")
    if (api or _api_at(_server(root, api_key, "OPENAI_API_KEY", timeout))) == "ollama":
        server = _server(root, api_key, "OLLAMA_API_KEY", timeout)
        dialect: Dialect = Ollama(server, model or bare, program.context_window)
    else:
        server = _server(address, api_key, "OPENAI_API_KEY", timeout)
        dialect = OpenAI(server, model or bare, by_ids=provider == "embedded")
    return Client(dialect, context_window=program.context_window)


def _server(address: str, api_key: str | None, variable: str, timeout: float) -> Server:
    """Return the server at an address, with the key that is given or that is in a variable."""
    key = checked_key(api_key, source="--api-key") or checked_key(os.environ.get(variable), source=variable)
    return Server(address, key=key, timeout=timeout, key_source=f"{variable} or --api-key")


def _address(program: Program, provider: str, api: Api | None, api_base: str | None) -> str:
    is_ollama = api == "ollama" or (api is None and provider.startswith("ollama"))
    source, given = "--api-base", api_base
    if not given:
        source = "OLLAMA_HOST" if is_ollama else "OPENAI_BASE_URL"
        given = os.environ.get(source)
    if not given:
        source, given = "The address in the module", program.endpoint
    if not given and is_ollama:
        return f"http://127.0.0.1:{OLLAMA_PORT}"
    if not given:
        return OPENAI if provider == "openai" else f"http://127.0.0.1:{LLAMA_SERVER_PORT}/v1"
    address = read_address(given, dialect="ollama" if is_ollama else "openai", source=source)
    return address if is_ollama else with_path(address)


def _api_at(server: Server) -> Api:
    """Return which API a server has, as it says."""
    told = patiently(lambda: server.get("/api/version")).json()
    return "ollama" if isinstance(told, dict) and "version" in told else "openai"
