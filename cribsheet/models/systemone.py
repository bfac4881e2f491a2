"""Answer typed questions with a model behind a decision endpoint."""

import hashlib
import json
import os
import re
import time
from contextlib import suppress
from functools import cached_property
from typing import Any

from cribsheet.errors import (
    BrokenOffError,
    ContextOverflowError,
    ModelError,
    TimedOutError,
    TransientError,
    UnknownModelError,
    UnreachableError,
)
from cribsheet.models import forks
from cribsheet.models._api_keys import checked_key, key_refused, without_key
from cribsheet.models._base import DEFAULT_CONTEXT_WINDOW, Completion, Sampling
from cribsheet.models._estimate import estimate_tokens
from cribsheet.models._hosts import read_server
from cribsheet.models._json import read_json
from cribsheet.models._prompt_kinds import question_in
from cribsheet.models._proxies import http_client, through_proxy
from cribsheet.models._redirects import Redirected, redirected, refuse_redirects
from cribsheet.models._refusals import may_pass
from cribsheet.models._retry_after import retry_after
from cribsheet.models._rewriting import whole_body
from cribsheet.models._server_messages import message_of, reason_in
from cribsheet.models._systemone import DECISIONS, SYSTEMONE, Form, NotAnswered
from cribsheet.prompts import Prompt

KEYS = ("SYSTEMONE_API_KEY", "TYPESAFE_API_KEY")
"""The environment variables that may hold the endpoint's API key."""
_TOO_LONG = re.compile(r"context|too (long|large)|token (budget|limit)|batch.size", re.IGNORECASE)
_NO_SUCH_MODEL = re.compile(r"\bmodel\b", re.IGNORECASE)
_CANNOT_DECIDE = re.compile(r"not a decision model|does not support (decision|system ?one)", re.IGNORECASE)
_VOLATILE = ("created", "status", "modified_at", "loaded", "permission")


class SystemOneModel:
    """A model that answers typed questions with a probability for each option; it writes no text.

    Requests go to `/v1/systemone`, which Ollama (since 0.35), llama-server, vLLM (since 0.32), SGLang, LiteLLM's proxy
    and TypeSafe have. If a server does not have it, they go to OpenAI's `/v1/decisions`.

    >>> SystemOneModel("systemone/nimble", api_base="http://localhost:11434/v1/").endpoint
    'http://localhost:11434'
    """

    supports_raw = False
    only_decides = True

    def __init__(
        self,
        name: str,
        *,
        api_base: str,
        parallel: int = 4,
        context_window: int = DEFAULT_CONTEXT_WINDOW,
        timeout: float = 120.0,
    ) -> None:
        self.name = name
        self.endpoint = _server(api_base)
        keys = [checked_key(os.environ.get(name), source=name) for name in KEYS]
        self._key = next(filter(None, keys), None)
        self.parallel = parallel
        self.context_window = context_window
        self._model = name.partition("/")[2]
        self._timeout = timeout
        self._form = SYSTEMONE
        forks.forget_in_child(self)

    @cached_property
    def digest(self) -> str | None:
        """A hash of the facts that the server reports about the model; None if it reports none."""
        with suppress(ModelError):
            status, reply, _ = self._send("GET", "/v1/models")
            entries = reply.get("data") or reply.get("models") if status == 200 and isinstance(reply, dict) else None
            known = [one for one in entries or () if isinstance(one, dict)]
            own = [one for one in known if self._model in (one.get("id"), one.get("name"))] or known
            if len(own) == 1 and (told := {key: own[0][key] for key in own[0] if key not in _VOLATILE}):
                return f"told:{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()}"
        return None

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the likeliest option as the text, with the log-probability of every option in `first_token`.

        Raises:
            ModelError: the prompt asks for text, or the request failed.
        """
        question = question_in(prompt, self.name)
        started = time.perf_counter()
        form = self._form
        status, reply, wait = self._send("POST", form.path, form.request(self._model, prompt, question))
        if status in (404, 405) and form is SYSTEMONE and not _NO_SUCH_MODEL.search(message_of(reply)):
            form = DECISIONS
            status, reply, wait = self._send("POST", form.path, form.request(self._model, prompt, question))
            if status not in (404, 405):
                self._form = form
        if status != 200:
            raise self._explain(form, status, message_of(reply), wait)
        try:
            completion = form.completion(reply, question)
        except NotAnswered as error:
            if isinstance(reply, dict) and (reply.get("error") or reply.get("detail")):
                said = reason_in(without_key(message_of(reply), self._key))
                raise ModelError(f"{self.endpoint} answered with an error: {said}. Look at the server's log.") from None
            raise ModelError(
                f"{self.endpoint} does not answer as {form.path} does: {error}. Check --api-base."
            ) from None
        return completion.model_copy(update={"seconds": time.perf_counter() - started})

    def count_tokens(self, text: str) -> int:
        """Return an estimate that errs on the high side, because only the server has the tokenizer."""
        return estimate_tokens(text)

    def close(self) -> None:
        """Close the connections. They reopen at the next request."""
        if client := self.__dict__.pop("_client", None):
            client.close()

    def forget_connections(self) -> None:
        """Drop the connections; see `cribsheet.models.forks`."""
        self.__dict__.pop("_client", None)

    @cached_property
    def _client(self) -> Any:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        hooks = {"response": [refuse_redirects]}
        return http_client(
            self.endpoint, base_url=self.endpoint, headers=headers, timeout=self._timeout, event_hooks=hooks
        )

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any, float]:
        """Return the status, the JSON of a reply or its text if it is not JSON, and the seconds it asks to wait."""
        import httpx  # imported here because it takes 0.2 seconds, which embedded models need not spend

        try:
            with self._client.stream(method, path, json=body) as reply:
                status, content, wait = reply.status_code, whole_body(reply), retry_after(reply.headers)
        except Redirected as error:
            raise redirected(self.endpoint, error) from error
        except httpx.TimeoutException as error:
            raise TimedOutError(
                f"{self.endpoint} did not answer within {self._timeout:g} seconds: {error!r}."
                f"{through_proxy(self.endpoint)}"
            ) from error
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise UnreachableError(
                f"Nothing answers at {self.endpoint}: {str(error).rstrip('.')}. Start the server, or check --api-base."
                f"{through_proxy(self.endpoint)}"
            ) from error
        except httpx.HTTPError as error:
            via = through_proxy(self.endpoint)
            raise BrokenOffError(f"{self.endpoint} broke off the connection: {error!r}.{via}") from error
        try:
            return status, read_json(content), wait
        except ValueError:
            return status, content.decode(errors="replace"), wait

    def _explain(self, form: Form, status: int, reason: str, wait: float) -> ModelError:
        where, said = f"{self.endpoint}{form.path}", reason_in(without_key(reason, self._key))
        if status in (401, 403):
            via, is_given = through_proxy(self.endpoint), bool(self._key)
            return key_refused(where, said, status=status, source=KEYS[0], is_given=is_given, via=via)
        if status == 501 or _CANNOT_DECIDE.search(said):
            return ModelError(
                f"{self._model} at {self.endpoint} is no decision model: {said}. Serve a decision model, or use this "
                f"model to write text: openai/{self._model} or ollama_chat/{self._model}."
            )
        if status == 413 or (status in (400, 422, 500) and _TOO_LONG.search(said)):
            return ContextOverflowError(
                f"The question does not fit the context window of {self.name}: {said}. Use fewer demos, or give "
                "--context-window."
            )
        if status in (404, 405) and not _NO_SUCH_MODEL.search(said):
            return ModelError(
                f"{self.endpoint} answers neither {SYSTEMONE.path} nor {DECISIONS.path}: {said}. Check --api-base, or "
                "update the server: recent releases of llama-server, Ollama (0.35), vLLM (0.32) and SGLang have them."
            )
        if status == 404 or (status == 400 and "not found" in said):
            return UnknownModelError(f"{self.endpoint} has no model {self._model!r}: {said}. Check the name.")
        if may_pass(status):
            return TransientError(f"{where} failed with status {status}: {said}.", status=status, retry_after=wait)
        return ModelError(f"{where} refused the question with status {status}: {said}. Look at the server's log.")


def _server(api_base: str) -> str:
    """Return a server's address without the path of its endpoints.

    >>> _server("localhost:9931/v1/systemone")
    'http://localhost:9931'
    """
    address = read_server(api_base, dialect="openai", source="--api-base")
    for path in (SYSTEMONE.path, DECISIONS.path, "/v1"):
        address = address.removesuffix(path)
    return address
