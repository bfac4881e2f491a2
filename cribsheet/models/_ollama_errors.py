"""Say in words what Ollama's client met."""

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
from cribsheet.models._litellm_errors import TOO_LONG
from cribsheet.models._proxies import through_proxy
from cribsheet.models._refusals import REFUSING, Failure, Kind, Refused

_ABSENT = frozenset({404, 405, 501})
_PATHS = {"raw": "/api/generate", "chat": "/api/chat"}


class Served(NamedTuple):
    """What is asked, as messages name it."""

    endpoint: str
    model: str
    window: int
    """The context window that is asked for, in tokens."""


@contextmanager
def explained(served: Served, *, kind: Kind | None = None, worked: Collection[Kind] = ()) -> Iterator[None]:
    """Have what Ollama's client raises come up as an error of ours; `worked` are the kinds that were answered.

    Raises:
        Refused: the server may have refused a parameter of a prompt of this kind.
        ModelError: anything else went wrong.
    """
    import httpx  # here, for they take a fifth of a second that other models need not pay
    import ollama

    endpoint, model, _ = served
    via = through_proxy(endpoint)
    try:
        yield
    except (ConnectionError, httpx.UnsupportedProtocol, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise UnreachableError(
            f"Nothing answers at {endpoint}. Start Ollama with `ollama serve`, or give its address with --api-base or "
            f"OLLAMA_HOST.{via}"
        ) from error
    except ollama.ResponseError as error:
        reason = _in_words(error.error)
        told = _explained(served, error.status_code, reason, kind=kind, worked=worked)
        if kind and error.status_code in REFUSING and not isinstance(told, ContextOverflowError):
            raise Refused(Failure(error.status_code, reason, told)) from error
        raise told from error
    except httpx.TransportError as error:
        problem = "gave no answer in time" if isinstance(error, httpx.TimeoutException) else "broke off"
        raise TransientError(f"Ollama at {endpoint} {problem}: {error!r}.{via}") from error
    except (ValueError, TypeError, AttributeError, KeyError, httpx.InvalidURL, httpx.HTTPError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        told = ModelError(
            f"{endpoint} does not answer as Ollama does: {reason[:200]}. Check --api-base; for an OpenAI-compatible "
            f"server use openai/{model}.{via}"
        )
        if kind and "logprobs" in reason:  # what cannot be read is as good as refused
            raise Refused(Failure(400, "logprobs", told)) from error
        raise told from error


def _in_words(told: object) -> str:
    """Return what was told of an error, which Ollama tells as a text, others that speak its API as an object."""
    words = told.get("message", told) if isinstance(told, dict) else told
    return str(words).strip().rstrip(".")


def _explained(served: Served, status: int, reason: str, *, kind: Kind | None, worked: Collection[Kind]) -> ModelError:
    endpoint, model, window = served
    short, via = reason[:300], through_proxy(endpoint)
    if TOO_LONG.search(reason):
        return ContextOverflowError(
            f"The prompt exceeds the context window of {window}: {short}. Use fewer demos or shorter rows, or a larger "
            "window: --context-window."
        )
    if status == 404 and "model" in reason:
        return UnknownModelError(f"Ollama at {endpoint} has no model {model!r}. Run `ollama pull {model}`.")
    if kind and status in _ABSENT and set(worked) - {kind}:
        return PromptStyleError(
            f"{endpoint} does not serve {_PATHS[kind]}: status {status}, {short}. Choose a "
            f"{'chat' if kind == 'raw' else 'raw'} layout, or a server that has it."
        )
    if re.search(r"does not support (chat|generate|completion)", reason):
        return ModelError(
            f"{model!r} at {endpoint} writes no text: {short}. If it is a decision model, name it systemone/{model} "
            f"with --api-base {endpoint}; else choose another."
        )
    if status in (408, 429) or (status >= 500 and status != 501):
        return TransientError(f"Ollama at {endpoint} failed with status {status}: {short}.{via}")
    return ModelError(
        f"Ollama at {endpoint} refused the request with status {status}: {short}. "
        f"Check the address: it is that of the server itself, without a path.{via}"
    )
