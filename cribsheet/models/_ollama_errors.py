"""Turn the exceptions of Ollama's client into errors of this package."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from cribsheet.errors import (
    BrokenOffError,
    ContextOverflowError,
    ModelError,
    PromptStyleError,
    TimedOutError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import forks
from cribsheet.models._api_keys import key_refused, without_key
from cribsheet.models._base import Kind
from cribsheet.models._litellm_errors import TOO_LONG
from cribsheet.models._openai_replies import UnreadableReply
from cribsheet.models._proxies import proxy_wants_password, through_proxy
from cribsheet.models._redirects import Redirected, redirected
from cribsheet.models._refusals import REFUSING, Failure, Refused, may_pass
from cribsheet.models._server_messages import reason_in

KEY = "OLLAMA_API_KEY"
"""The environment variable that holds the server's API key."""
_ABSENT = frozenset({404, 405, 501})
_FURTHER = re.compile(r"\s*For further information visit \S+")
"""Matches a link to the documentation of pydantic, which knows nothing about servers."""
_PATHS = {"raw": "/api/generate", "chat": "/api/chat"}


class Served(NamedTuple):
    """What error messages say about a request: server, model and context window."""

    endpoint: str
    model: str
    window: int
    """The requested context window, in tokens."""
    key: str | None
    """The API key that was sent; None if none was."""


class ErrorReply(Exception):
    """Raised for a reply that is an error message."""

    def __init__(self, status: int, words: str, *, retry_after: float = 0.0) -> None:
        super().__init__(words)
        self.status, self.retry_after = status, retry_after


@contextmanager
def explained(served: Served, *, kind: Kind | None = None, worked: Collection[Kind] = ()) -> Iterator[None]:
    """Turn exceptions of `ollama_client` into a ModelError or `Refused`.

    `kind` is the kind of prompt that was sent, if one was. `worked` are the kinds that the server has answered before.

    Raises:
        Refused: the server may have refused a parameter of a prompt of this kind.
        ModelError: anything else went wrong.
    """
    with forks.importing:
        import httpx  # imported here because it takes 0.2 seconds, which embedded models need not spend

    endpoint, model, via = served.endpoint, served.model, through_proxy(served.endpoint)
    try:
        yield
    except (ConnectionError, httpx.UnsupportedProtocol, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise UnreachableError(
            f"Nothing answers at {endpoint}. Start Ollama with `ollama serve`, or give its address with --api-base "
            f"or OLLAMA_HOST.{via}"
        ) from error
    except ErrorReply as error:
        words = without_key(str(error), served.key)
        told = _explained(served, error.status, words, kind=kind, worked=worked)
        if isinstance(told, TransientError):
            told.retry_after = error.retry_after
        if kind and error.status in REFUSING and not isinstance(told, ContextOverflowError):
            raise Refused(Failure(error.status, words, told)) from error
        raise told from error
    except Redirected as error:
        raise redirected(endpoint, error) from error
    except httpx.TransportError as error:
        if isinstance(error, httpx.TimeoutException):
            raise TimedOutError(f"Ollama at {endpoint} gave no answer in time: {error!r}.{via}") from error
        raise BrokenOffError(f"Ollama at {endpoint} broke off the connection: {error!r}.{via}") from error
    except (UnreadableReply, ValueError, TypeError, AttributeError, KeyError, httpx.HTTPError) as error:
        reason = reason_in(_FURTHER.sub("", str(error))) if str(error) else type(error).__name__
        failure = TransientError if kind in worked else ModelError  # a server that has answered may answer again
        told = failure(
            f"{endpoint} does not answer as Ollama does: {reason}. Check --api-base. If it is an "
            f"OpenAI-compatible server, use openai/{model}.{via}"
        )
        if kind and "logprobs" in reason:  # log-probabilities that cannot be read count as refused
            raise Refused(Failure(400, "logprobs", told)) from error
        raise told from error


def _explained(served: Served, status: int, words: str, *, kind: Kind | None, worked: Collection[Kind]) -> ModelError:
    endpoint, model, window, key = served
    short, via = reason_in(words), through_proxy(endpoint)
    if TOO_LONG.search(words):
        return ContextOverflowError(
            f"The prompt exceeds the context window of {window} tokens: {short}. Use fewer demos or shorter rows, or "
            "set a larger window with --context-window."
        )
    if status in (401, 403):
        return key_refused(f"Ollama at {endpoint}", short, status=status, source=KEY, is_given=bool(key), via=via)
    if status == 404 and "model" in words:
        return UnknownModelError(f"Ollama at {endpoint} has no model {model!r}. Run `ollama pull {model}`.")
    if kind and status in _ABSENT and set(worked) - {kind}:
        return PromptStyleError(
            f"{endpoint} does not serve {_PATHS[kind]}: status {status}, {short}. Choose a "
            f"{'chat' if kind == 'raw' else 'raw'} layout, or a server that serves {_PATHS[kind]}."
        )
    if re.search(r"does not support (chat|generate|completion)", words):
        return ModelError(
            f"{model!r} at {endpoint} writes no text: {short}. If it is a decision model, name it systemone/{model} "
            f"with --api-base {endpoint}. Otherwise choose another model."
        )
    if error := proxy_wants_password(endpoint, status):
        return error
    if may_pass(status):
        return TransientError(f"Ollama at {endpoint} failed with status {status}: {short}.{via}", status=status)
    if status == 200:
        return TransientError(
            f"Ollama at {endpoint} answered with an error: {short}. Correct that on the server, then run the command "
            f"again.{via}"
        )
    return ModelError(
        f"Ollama at {endpoint} refused the request with status {status}: {short}. "
        f"Check that the address is the server's own, without a path.{via}"
    )
