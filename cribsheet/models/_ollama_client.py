"""Make the client that exchanges messages with Ollama."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cribsheet.models import forks
from cribsheet.models._ollama_errors import ErrorReply
from cribsheet.models._openai_replies import UnreadableReply, json_object
from cribsheet.models._proxies import route
from cribsheet.models._redirects import refuse_redirects
from cribsheet.models._retry_after import retry_after
from cribsheet.models._rewriting import rewriting, whole_body
from cribsheet.models._server_messages import error_words, first_words, message_of

_READ_AT_IMPORT = frozenset(
    {
        "ollama_host",
        "ollama_api_key",
        "ssl_cert_file",
        "ssl_cert_dir",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    }
)
"""The variables, in lower case, that `ollama` reads when it is imported, to make a client that nobody asked for."""


def ollama_client(endpoint: str, *, timeout: float, heed: Callable[[Any], None]) -> Any:
    """Return an `ollama.Client`, whose requests raise an `ErrorReply`, `UnreadableReply` or `Redirected` if they fail.

    `heed` is called with each response that is a success.

    Raises:
        ModelError: the environment names a proxy, or certificates, that cannot be used.
    """
    ollama = _import_ollama()
    responses = [refuse_redirects, _refuse_errors, rewriting(_readable), heed]
    hooks = {"request": [_forbid_truncation], "response": responses}
    return ollama.Client(endpoint, timeout=timeout, follow_redirects=False, event_hooks=hooks, **route(endpoint))


def _import_ollama() -> Any:
    """Import and return the package `ollama`, whatever the environment says.

    The import makes a client, which fails if a variable has a value that cannot be used.
    """
    with forks.importing:
        import httpx  # imported here because it takes 0.2 seconds, which embedded models need not spend

        try:
            import ollama
        except (ValueError, ImportError, OSError, httpx.InvalidURL):
            with _without_variables():
                import ollama
    return ollama


@contextmanager
def _without_variables() -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.lower() in _READ_AT_IMPORT}
    try:
        yield
    finally:
        os.environ.update(kept)


def _refuse_errors(response: Any) -> None:
    """Raise an `ErrorReply` for a reply that is an error; Ollama's client can read only some of them."""
    if not response.is_success:
        words = error_words(whole_body(response))
        raise ErrorReply(response.status_code, words, retry_after=retry_after(response.headers))


def _readable(path: str, body: bytes) -> bytes:
    """Return a reply's body with valid Unicode only; Ollama's client cannot read anything else.

    Raises:
        ErrorReply: the reply is an error message, although its status says that it is none.
        UnreadableReply: the reply is nothing that Ollama sends.
    """
    reply = json_object(body)
    written = {"/api/chat": "message", "/api/generate": "response"}.get(path[path.find("/api/") :])
    has_text = written is None or isinstance(reply.get(written), dict if written == "message" else str)
    names = ("error",) if written is None else ("error", "detail", "message", "errors")
    if (written is None or not has_text) and any(reply.get(name) for name in names):
        raise ErrorReply(200, message_of(reply))
    if not has_text and reply.get(written or "") is None:
        raise UnreadableReply(f"its reply holds no completion: {first_words(reply)}")
    return json.dumps(reply).encode()


def _forbid_truncation(request: Any) -> None:
    """Make Ollama refuse a prompt that is too long; by default, it silently drops part of it.

    Ollama's client has no argument for `truncate`, so this hook adds it to each request.
    """
    import httpx  # imported here for the same reason as in `_import_ollama`

    if request.method == "POST":
        body = json.dumps(json.loads(request.read()) | {"truncate": False}).encode()
        request.stream = httpx.ByteStream(body)
        request.headers["Content-Length"] = str(len(body))
