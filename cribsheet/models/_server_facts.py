"""Ask a server for everything but completions: what it serves, its context window, token counts."""

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeGuard

from cribsheet.models._json import read_json
from cribsheet.models._proxies import http_client
from cribsheet.models.capabilities import Tokenizer, Told

PATIENCE = 10.0
"""Timeout in seconds. None of these requests makes the server compute anything."""
_PAUSE = 30.0
"""How many seconds nothing is asked after a request timed out or found no server."""
_PAGES = ("/props", "/get_model_info", "/info")
"""The paths at which llama-server, SGLang and TGI report more than `/v1/models` does."""
_HASHES = ("digest", "sha256", "hash", "checksum", "sha")
"""What a model's own entry calls the hash of its weights. On the pages about the server, these may mean its build."""
_FACTS = (
    *(
        "model_sha",
        "model_dtype",
        "dtype",
        "root",
        "parent",
        "revision",
        "quantization",
        "arch",
        "path",
        "model_path",
        "model_id",
        "weight_version",
    ),
    *("model_ftype", "ftype", "n_params", "size", "n_vocab", "n_embd", "n_ctx_train", "tokenizer_path", "lora"),
)
"""Facts that help to identify the weights. Other facts that a server reports may change from minute to minute."""
_WINDOWS = ("loaded_context_length", "max_model_len", "n_ctx", "max_total_tokens", "context_window", "context_length")
_LARGEST_WINDOW = 10**8
_MOST_BYTES = 10**7
"""How much of a reply is read. One with a long chat template has about 10**5 bytes."""


class ServerInformation:
    """A client for the informational endpoints of OpenAI-compatible servers and Ollama."""

    def __init__(self, endpoint: str, *, key: str | None) -> None:
        self._endpoint, self._key = endpoint, key
        self._root = endpoint.removesuffix("/v1")
        self._silent_until = 0.0
        """The time before which no request is sent, because one timed out or found no server."""

    def told(self, model: str) -> Told:
        """Return what the server reports about a model.

        The result is empty if no server answers; the next completion then raises an error that explains it.
        """
        self._silent_until = 0.0
        models = self._ask("GET", f"{self._endpoint}/models")
        entries = [entry for entry in _listed(models) if isinstance(entry, dict)]
        own = next((entry for entry in entries if entry.get("id") == model), entries[0] if len(entries) == 1 else {})
        pages = {page: found for page in _PAGES if isinstance(found := self._ask("GET", self._root + page), dict)}
        parts = [own, *pages.values()]
        facts = dict(_facts(parts))
        meta = own.get("meta")
        named = {**meta, **own} if isinstance(meta, dict) else own
        hashes = [str(named[name]) for name in _HASHES if name in named]
        return Told(
            server=_server(own, pages),
            models=tuple(str(entry["id"]) for entry in entries if "id" in entry),
            digest=next((one for one in hashes if re.fullmatch(r"(sha256:)?[0-9a-fA-F]{16,}", one)), None),
            weights=facts,
            context_window=_window([*pages.values(), own]),
        )

    def told_by_ollama(self, model: str, *, digest: str | None) -> Told:
        """Return what Ollama reports about a model; `digest` is the hash of its manifest, which the caller knows.

        A cloud model's manifest only names the host that runs it, so its hash stays the same if the weights change.
        """
        self._silent_until = 0.0
        version = self._ask("GET", f"{self._endpoint}/api/version")
        shown = self._ask("POST", f"{self._endpoint}/api/show", {"model": model})
        details = shown.get("model_info") if isinstance(shown, dict) else None
        sizes = details.items() if isinstance(details, dict) else ()
        windows = [size for name, size in sizes if name.endswith(".context_length") and _is_window(size)]
        number = version.get("version") if isinstance(version, dict) else None
        remote = {
            name: str(shown[name])
            for name in ("remote_host", "remote_model")
            if isinstance(shown, dict) and shown.get(name)
        }
        return Told(
            server=f"Ollama {number or ''}".strip(),
            digest=None if remote else digest,
            weights={**remote, "manifest": digest} if remote else {},
            context_window=next(iter(windows), None),
        )

    def tokenizer(self, model: str) -> Tokenizer | None:
        """Return which kind of `/tokenize` request the server understands; None if it counts no tokens."""
        ways: tuple[Tokenizer, ...] = ("llama-server", "vllm")
        return next((way for way in ways if self.count(way, model, "Hello there")), None)

    def count(self, way: Tokenizer, model: str, text: str) -> int | None:
        """Return the number of tokens in a text sent as a raw prompt; None if the server does not report it."""
        own: dict[str, Any] = {"content": text, "add_special": True}
        if way == "vllm":
            own = {"model": model, "prompt": text, "add_special_tokens": True}
        reply = self._ask("POST", f"{self._root}/tokenize", own)
        if not isinstance(reply, dict):
            return None
        tokens, count = reply.get("tokens"), reply.get("count")
        if isinstance(tokens, list):
            return len(tokens)
        return count if isinstance(count, int) and count >= 0 else None

    def close(self) -> None:
        """Close the connections. They reopen at the next request."""
        if client := self.__dict__.pop("_client", None):
            client.close()

    @cached_property
    def _client(self) -> Any:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        return http_client(self._endpoint, timeout=PATIENCE, headers=headers)

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON of a reply; None if the request failed or the reply is not JSON."""
        import httpx  # imported here because it takes 0.2 seconds, which embedded models need not spend

        if time.monotonic() < self._silent_until:
            return None
        try:
            with self._client.stream(method, url, json=body) as reply:
                return read_json(_body(reply)) if reply.is_success else None
        except (httpx.ConnectError, httpx.TimeoutException):
            self._silent_until = time.monotonic() + _PAUSE
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            pass
        return None


def _body(reply: Any) -> bytes:
    """Return the body of a reply.

    Raises:
        ValueError: it does not end in time, or it is too large to be read.
    """
    read, deadline = bytearray(), time.monotonic() + PATIENCE
    for chunk in reply.iter_bytes():
        read += chunk
        if len(read) > _MOST_BYTES or time.monotonic() > deadline:
            raise ValueError("it does not end")
    return bytes(read)


def _listed(models: Any) -> Iterable[Any]:
    data = models.get("data") if isinstance(models, dict) else models
    return data if isinstance(data, list) else ()


def _server(own: Mapping[str, Any], pages: Mapping[str, Any]) -> str:
    if own.get("owned_by") == "llamacpp" or "default_generation_settings" in pages.get("/props", {}):
        return "llama-server"
    if "/get_model_info" in pages:
        return "SGLang"
    if "max_concurrent_requests" in pages.get("/info", {}):
        return "TGI"
    owner = own.get("owned_by")
    return "vLLM" if owner == "vllm" else str(owner or "")


def _facts(parts: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the facts that help to identify the weights, from the parts and the objects nested in them."""
    for part in parts:
        for name, value in part.items():
            if name == "chat_template" and isinstance(value, str):
                yield name, hashlib.sha256(value.encode(errors="replace")).hexdigest()[:16]
            elif name in _FACTS and value not in (None, "", []) and isinstance(value, str | int | float | list):
                yield name, json.loads(json.dumps(value))
            elif isinstance(value, dict) and name in ("meta", "default_generation_settings", "params"):
                yield from _facts([value])


def _window(parts: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the context window of the first part that reports one; None if no part does."""
    for part in parts:
        nested = [
            value for name in ("default_generation_settings", "meta") if isinstance(value := part.get(name), dict)
        ]
        for told in (part, *nested):
            if sizes := [size for name in _WINDOWS if _is_window(size := told.get(name))]:
                return sizes[0]
    return None


def _is_window(size: Any) -> TypeGuard[int]:
    return isinstance(size, int) and not isinstance(size, bool) and 0 < size < _LARGEST_WINDOW
