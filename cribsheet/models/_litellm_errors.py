"""Turn LiteLLM's exceptions into errors of this package."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cribsheet.errors import (
    BrokenOffError,
    ContextOverflowError,
    ModelError,
    PromptStyleError,
    RefusedError,
    TimedOutError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models._api_keys import key_refused, without_key
from cribsheet.models._base import Kind
from cribsheet.models._json import well_formed
from cribsheet.models._openai_replies import ErrorReply, UnreadableReply
from cribsheet.models._proxies import bad_variable, proxy_wants_password, through_proxy
from cribsheet.models._redirects import Redirected, redirected
from cribsheet.models._refusals import REFUSING, Failure, may_pass
from cribsheet.models._retry_after import retry_after
from cribsheet.models._server_messages import NO_REASON, error_words, reason_in

TOO_LONG = re.compile(
    r"context (length|size|window)|maximum (input|sequence|prompt|model) length|(prompt|input)( is|s are)? too long"
    r"|too many tokens|exceed\w* [\w ]*(context|max_model_len)|max_new_tokens. must be <=",
    re.IGNORECASE,
)
"""Matches messages of servers that say a prompt does not fit the context window."""
_WRAPPINGS = re.compile(r"^([\w.-]*(Error|Exception|Timeout)(: | - )|Error code: \d+( - |$))+")
"""Matches the error names that LiteLLM and OpenAI's client put in front of a message, one for each layer."""
_NO_HOST = re.compile(r"Name or service not known|nodename nor servname|getaddrinfo|name resolution", re.IGNORECASE)
_FORM = re.compile(r"system (role|message)s?\b.*not supported|roles? must alternate|conversation roles", re.IGNORECASE)
"""Matches messages of servers that say the model's chat template does not support a chat's roles."""
_INTERNALS = re.compile(r"Traceback \(most|object has no attribute|validation errors? for |object is not |^'\w+'$")
"""Matches messages that describe LiteLLM's code rather than what a server said."""
_ABSENT = frozenset({404, 405, 501})
PATHS: dict[Kind, str] = {"raw": "/completions", "chat": "/chat/completions"}


@dataclass(frozen=True)
class Place:
    """What error messages say about a request's target: model, server and provider."""

    name: str
    """The model's whole name."""
    endpoint: str
    """The server's address; empty for a hosted model."""
    provider: str
    key_name: str
    """The environment variable that holds the API key."""

    @property
    def where(self) -> str:
        """The server's address; for a hosted model, the provider."""
        return self.endpoint or self.provider

    @property
    def via(self) -> str:
        """A sentence that names the proxy of the requests; empty if there is none."""
        return through_proxy(self.endpoint)

    def overflow(self, reason: str) -> ContextOverflowError:
        """Return the error for a prompt that does not fit the context window."""
        return ContextOverflowError(
            f"The prompt does not fit the context window of {self.name}: {reason}. Use fewer demos or shorter rows, or "
            "a server with a larger window."
        )

    def not_openai(self, reason: str) -> ModelError:
        """Return the error for a reply that does not follow OpenAI's API."""
        return ModelError(
            f"{self.where} does not answer as an OpenAI-compatible server does: {reason}. "
            f"Check --api-base: most addresses of such servers end in /v1.{self.via}"
        )

    def without_style(self, kind: Kind, reason: str) -> PromptStyleError:
        """Return the error for a server that does not serve one kind of prompt, raw or chat."""
        other = "chat" if kind == "raw" else "raw"
        what = "raw completions" if kind == "raw" else "chats"
        return PromptStyleError(
            f"{self.where} does not serve {what} at {PATHS[kind]}: {reason}. Choose a {other} layout, or a server "
            f"that serves {what}."
        )

    def without_form(self, reason: str) -> PromptStyleError:
        """Return the error for a chat whose roles the model's chat template does not support."""
        return PromptStyleError(
            f"{self.where} refused the chat because of its roles or their order: {reason}. Choose another layout."
        )


def failure_of(error: Exception, place: Place, kind: Kind, *, worked: Collection[Kind], lacks_key: bool) -> Failure:
    """Classify an exception that LiteLLM raised for a prompt.

    `worked` are the kinds of prompts that the server has answered before. `lacks_key` says that a hosted model needs an
    API key which the environment does not have.
    """
    causes = list(_causes(error))
    status = next((one for cause in reversed(causes) if isinstance(one := _status(cause), int)), 0)
    names = {_name(cause) for cause in causes}
    answered = "httpx.HTTPStatusError" in names
    key = os.environ.get(place.key_name)
    body = next(filter(None, map(_body, causes)), "")
    words = without_key(well_formed(f"{error}\n{body}"), key)
    said = without_key(error_words(body.encode(errors="replace")), key)
    reason = reason_in(said) if answered else first_reason(words)
    for cause in causes:
        if isinstance(cause, Redirected):
            return Failure(0, words, redirected(place.endpoint, cause))
        if isinstance(cause, UnreadableReply):
            return _no_completion(cause, place, has_worked=kind in worked)
    if not answered and (lacking := _connection(place, names, " ".join(map(str, causes)), error)):
        return Failure(0, words, lacking)
    if TOO_LONG.search(words):
        return Failure(0, words, place.overflow(reason))
    if status in (401, 403) or lacks_key:
        is_given, source = bool(key) and not lacks_key, place.key_name
        refused = key_refused(place.where, reason, status=status, source=source, is_given=is_given, via=place.via)
        return Failure(status, words, refused)
    if kind == "chat" and _FORM.search(words):
        return Failure(0, words, place.without_form(reason))
    if status in _ABSENT and set(worked) - {kind}:
        return Failure(status, words, place.without_style(kind, f"status {status}, {reason}"))
    from_server = answered or any(name.endswith(".UnsupportedParamsError") for name in names)
    told = _refusal(place, status, reason, answered=from_server)
    if isinstance(told, TransientError):
        told.retry_after = next(filter(None, map(_retry_after, causes)), 0.0)
    return Failure(status if from_server else 0, words, told)


def _no_completion(reply: UnreadableReply, place: Place, *, has_worked: bool) -> Failure:
    """Return the failure of a request that was answered with status 200, but without a completion.

    If such requests have worked before, or if the error has no status of its own, it may pass.
    """
    words = str(reply)
    if not isinstance(reply, ErrorReply):
        told = place.not_openai(words)
        return Failure(0, words, TransientError(str(told)) if has_worked else told)
    status, reason = reply.status or 500, reason_in(words)
    if TOO_LONG.search(words):
        return Failure(0, words, place.overflow(reason))
    message = (
        f"{place.where} answered with an error instead of a completion: {reason}. Look at the server's log.{place.via}"
    )
    return Failure(status, words, TransientError(message, status=status) if may_pass(status) else ModelError(message))


def may_be_refused(failure: Failure) -> bool:
    """Return whether the server may have refused one parameter, rather than the whole request."""
    return failure.status in REFUSING and not isinstance(failure.error, ContextOverflowError)


def _refusal(place: Place, status: int, reason: str, *, answered: bool) -> ModelError:
    if status in (404, 405):
        return UnknownModelError(
            f"{place.where} has no model {place.name.partition('/')[2]!r}, or the path is wrong: status {status}, "
            f"{reason}. Check the name, and that --api-base ends with the server's path, usually /v1.{place.via}"
        )
    if place.endpoint and not answered:  # the server replied, but LiteLLM could not read the reply
        return place.not_openai(reason)
    if error := proxy_wants_password(place.endpoint, status):
        return error
    if may_pass(status):
        return TransientError(f"{place.where} failed with status {status}: {reason}.{place.via}", status=status)
    kind = RefusedError if status in (400, 422) else ModelError
    return kind(
        f"{place.where} refused the request with status {status}: {reason}. Look at the server's log, or run "
        f"`cribsheet doctor --model {place.name}` to see what the server accepts.{place.via}"
    )


def _connection(place: Place, names: set[str], words: str, error: Exception) -> ModelError | None:
    """Return the error for a request that the server did not answer; None if the server did."""
    if ("socksio" in words or "httpx.InvalidURL" in names) and (
        bad := bad_variable(place.endpoint, first_reason(str(error)))
    ):
        return bad
    if names & {"httpx.ConnectError", "httpx.UnsupportedProtocol", "httpx.ProxyError", "httpx.ConnectTimeout"}:
        if "SSL" in words:
            return UnreachableError(
                f"A secure connection to {place.where} failed: {_ssl_reason(words)}. Check whether the address should "
                f"begin with http:// or https://, and check the server's certificate.{place.via}"
            )
        if not place.endpoint:
            return UnreachableError(f"{place.provider} cannot be reached. Check the network connection.{place.via}")
        problem = "No host has the name given in" if _NO_HOST.search(words) else "Nothing answers at"
        return UnreachableError(f"{problem} {place.where}. Start the server, or check --api-base.{place.via}")
    if any(name.endswith("Timeout") for name in names):
        return TimedOutError(f"{place.where} gave no answer in time: the request timed out.{place.via}")
    if any(name.startswith("httpx.") for name in names):
        return BrokenOffError(
            f"{place.where} broke off the connection: {first_reason(str(error)) or type(error).__name__}.{place.via}"
        )
    return None


def _ssl_reason(words: str) -> str:
    found = re.search(r"\[SSL[^\]]*\] ([\w ]+)", words)
    return found[1].strip() if found else "TLS failed"


def first_reason(words: str) -> str:
    """Return the first line of an error message that says anything, without the names that LiteLLM adds in front."""
    lines = [_WRAPPINGS.sub("", line).strip() for line in words.splitlines()]
    reason = next(filter(None, lines), NO_REASON).rstrip(".")[:300]
    return "LiteLLM cannot read its reply" if _INTERNALS.search(reason) else reason


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its chain of causes; LiteLLM keeps errors of the connection only there."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _status(error: BaseException) -> Any:
    response = getattr(error, "response", None)
    return getattr(error, "status_code", None) or getattr(response, "status_code", None)


def _retry_after(error: BaseException) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None)
    return retry_after(headers) if isinstance(headers, Mapping) else 0.0


def _body(error: BaseException) -> str:
    """Return the body of the server's response, which LiteLLM's message may leave out."""
    if not _name(error).startswith("httpx."):
        return ""
    try:
        return str(error.response.text)  # type: ignore[attr-defined]  # of httpx.HTTPStatusError
    except (AttributeError, RuntimeError):  # the error has no response, or a streamed response was not read
        return ""


def _name(error: BaseException) -> str:
    """Return an error's full name; newer OpenAI clients use httpx2, which is treated as httpx."""
    return f"{type(error).__module__}.{type(error).__name__}".replace("httpx2.", "httpx.", 1)
