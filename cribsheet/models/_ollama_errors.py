"""Turn the exceptions of Ollama's client into errors of this package."""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from cribsheet.errors import (
    ContextOverflowError,
    ModelError,
    PromptStyleError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models._json import well_formed
from cribsheet.models._litellm_errors import TOO_LONG
from cribsheet.models._proxies import through_proxy
from cribsheet.models._refusals import REFUSING, Failure, Kind, Refused

_ABSENT = frozenset({404, 405, 501})
_PATHS = {"raw": "/api/generate", "chat": "/api/chat"}


class Served(NamedTuple):
    """What error messages say about a request: server, model and context window."""

    endpoint: str
    model: str
    window: int
    """The requested context window, in tokens."""


@contextmanager
def explained(served: Served, *, kind: Kind | None = None, worked: Collection[Kind] = ()) -> Iterator[None]:
    """Turn exceptions of Ollama's client into a ModelError or `Refused`.

    `kind` is the kind of prompt that was sent, if one was. `worked` are the kinds that the server has answered before.

    Raises:
        Refused: the server may have refused a parameter of a prompt of this kind.
        ModelError: anything else went wrong.
    """
    import httpx  # imported here because both take 0.2 seconds, which embedded models need not spend
    import ollama

    endpoint, model, _ = served
    via = through_proxy(endpoint)
    try:
        yield
    except (ConnectionError, httpx.UnsupportedProtocol, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise UnreachableError(
            f"Nothing answers at {endpoint}. Start Ollama with `ollama serve`, or give its address with --api-base "
            f"or OLLAMA_HOST.{via}"
        ) from error
    except ollama.ResponseError as error:
        reason = _in_words(error.error)
        told = _explained(served, error.status_code, reason, kind=kind, worked=worked)
        if kind and error.status_code in REFUSING and not isinstance(told, ContextOverflowError):
            raise Refused(Failure(error.status_code, reason, told)) from error
        raise told from error
    except httpx.TransportError as error:
        problem = "gave no answer in time" if isinstance(error, httpx.TimeoutException) else "broke off the connection"
        raise TransientError(f"Ollama at {endpoint} {problem}: {error!r}.{via}") from error
    except (ValueError, TypeError, AttributeError, KeyError, httpx.InvalidURL, httpx.HTTPError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        told = ModelError(
            f"{endpoint} does not answer as Ollama does: {reason[:200]}. Check --api-base. If it is an "
            f"OpenAI-compatible server, use openai/{model}.{via}"
        )
        if kind and "logprobs" in reason:  # log-probabilities that cannot be read count as refused
            raise Refused(Failure(400, "logprobs", told)) from error
        raise told from error


def _in_words(told: object) -> str:
    """Return an error's message. Ollama sends a text; other servers with its API send an object."""
    words = told.get("message", told) if isinstance(told, dict) else told
    return well_formed(str(words)).strip().rstrip(".")


def _explained(served: Served, status: int, reason: str, *, kind: Kind | None, worked: Collection[Kind]) -> ModelError:
    endpoint, model, window = served
    short, via = reason[:300], through_proxy(endpoint)
    if TOO_LONG.search(reason):
        return ContextOverflowError(
            f"The prompt exceeds the context window of {window} tokens: {short}. Use fewer demos or shorter rows, or "
            "set a larger window with --context-window."
        )
    if status == 404 and "model" in reason:
        return UnknownModelError(f"Ollama at {endpoint} has no model {model!r}. Run `ollama pull {model}`.")
    if kind and status in _ABSENT and set(worked) - {kind}:
        return PromptStyleError(
            f"{endpoint} does not serve {_PATHS[kind]}: status {status}, {short}. Choose a "
            f"{'chat' if kind == 'raw' else 'raw'} layout, or a server that serves {_PATHS[kind]}."
        )
    if re.search(r"does not support (chat|generate|completion)", reason):
        return ModelError(
            f"{model!r} at {endpoint} writes no text: {short}. If it is a decision model, name it systemone/{model} "
            f"with --api-base {endpoint}. Otherwise choose another model."
        )
    if status in (408, 429) or (status >= 500 and status != 501):
        return TransientError(f"Ollama at {endpoint} failed with status {status}: {short}.{via}", status=status)
    if status == 200:
        return ModelError(
            f"Ollama at {endpoint} answered with an error: {short}. Correct that on the server, then run the command "
            f"again; the completions so far are in the cache.{via}"
        )
    return ModelError(
        f"Ollama at {endpoint} refused the request with status {status}: {short}. "
        f"Check that the address is the server's own, without a path.{via}"
    )
