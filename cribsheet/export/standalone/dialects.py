"""Speak the APIs of servers that run models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from cribsheet.errors import ContextOverflowError, ModelError, TransientError, UnknownModelError
from cribsheet.export.standalone.replies import (
    Json,
    read_llama,
    read_ollama,
    read_openai,
    tells_token_ids,
)
from cribsheet.export.standalone.server import Reply, Server
from cribsheet.models import Completion, Sampling
from cribsheet.models._api_keys import key_refused, without_key
from cribsheet.models._base import Kind
from cribsheet.models._continued import as_raw
from cribsheet.models._holding import response_format
from cribsheet.models._litellm_errors import TOO_LONG
from cribsheet.models._llama import of_answer, parts_of, tells_first_token, with_other_end
from cribsheet.models._openai_replies import ErrorReply, UnreadableReply, counts_in, rebuilt
from cribsheet.models._refusals import REFUSING, Failure, Refused, may_pass, within
from cribsheet.models._server_messages import first_words, reason_in
from cribsheet.models.no_thinking import NoThinking
from cribsheet.prompts import Message, Prompt

OPENAI = "https://api.openai.com/v1"
"""OpenAI's own address."""

_MOST_OF_LLAMA = 2000
"""How many log-probabilities are asked of the server of a prompt that was compiled in the process."""


Told = TypeVar("Told")


class Dialect(Protocol):
    """The requests and replies of one API."""

    takes_grammar: bool
    schema_name: str
    """The parameter that holds an answer to a JSON Schema."""

    def most_logprobs(self, kind: Kind) -> int: ...

    def send(self, prompt: Prompt, sampling: Sampling, given: Mapping[str, Any], sizes: Mapping[str, int]) -> Json: ...

    def read(self, reply: Json, prompt: Prompt, sampling: Sampling) -> Completion: ...


class Ollama:
    """Ollama's own API."""

    takes_grammar = False
    schema_name = "format"

    def __init__(self, server: Server, model: str, context_window: int):
        self._server, self._model, self._context_window = server, model, context_window
        self._may_say_think = True

    def most_logprobs(self, kind: Kind) -> int:
        return 20

    def send(self, prompt: Prompt, sampling: Sampling, given: Mapping[str, Any], sizes: Mapping[str, int]) -> Json:
        options = {
            "num_ctx": self._context_window,
            "num_predict": sampling.max_tokens,
            # A Modelfile may punish repetition, and a prompt with demos repeats the very words to choose from.
            "repeat_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
        }
        body: dict[str, Any] = {"model": self._model, "stream": False, "truncate": False}
        body["options"] = options | within(given, sizes)
        schema = body["options"].pop("format", None)
        body |= {"format": json.loads(schema)} if schema else {}
        body |= {"think": False} if self._may_say_think else {}
        if top := sizes.get("logprobs"):
            body |= {"logprobs": True, "top_logprobs": top}
        if prompt.is_chat:
            reply = self._server.post("/api/chat", body | {"messages": _as_json(prompt)})
        else:
            reply = self._server.post("/api/generate", body | {"prompt": prompt.text, "raw": True})
        if reply.status != 200 and self._may_say_think and "think" in reply.text:
            self._may_say_think = False  # some servers refuse the word for a model that does not think
            return self.send(prompt, sampling, given, sizes)
        return granted(reply, self._server, self._model, name="Ollama at ")

    def read(self, reply: Json, prompt: Prompt, sampling: Sampling) -> Completion:
        completion = read_ollama(reply, prompt)
        tokens = completion.usage.prompt_tokens + completion.usage.completion_tokens
        if tokens >= self._context_window:
            raise ContextOverflowError(
                f"The prompt and its completion have {tokens} tokens or more, which fill the context window of "
                f"{self._context_window}. Give shorter inputs."
            )
        return completion


class OpenAI:
    """The API of OpenAI, llama-server, vLLM and others.

    `by_ids` tells that the prompt was compiled in the process. Then llama-server is asked to go on from tokens inside
    a character, and inside a chat, as the engine in the process was.
    """

    schema_name = "response_format"

    def __init__(self, server: Server, model: str, *, by_ids: bool):
        self._server, self._model, self._by_ids = server, model, by_ids
        is_hosted = server.address.startswith(OPENAI)
        self.takes_grammar = not is_hosted
        self._no_thinking = NoThinking(templates=not is_hosted, efforts=is_hosted)
        self._root = Server(
            server.address.removesuffix("/v1"), key=server.key, timeout=server.timeout, key_source=server.key_source
        )

    def most_logprobs(self, kind: Kind) -> int:
        if self._by_ids:
            return _MOST_OF_LLAMA
        return 20 if kind == "chat" else 1000

    def send(self, prompt: Prompt, sampling: Sampling, given: Mapping[str, Any], sizes: Mapping[str, int]) -> Json:
        if prompt.begun:
            prompt = as_raw(prompt, template=self._template, token_ids=self._token_ids)
        # OpenAI's newer name of it, for servers that refuse the older one.
        limit = "max_tokens" if sizes["max_tokens"] else "max_completion_tokens"
        body: dict[str, Any] = {"model": self._model, limit: sampling.max_tokens, **within(given, sizes)}
        body |= {"structured_outputs": {"grammar": body["grammar"]}} if "grammar" in body else {}  # its name in vLLM
        schema = body.get(self.schema_name)
        body |= {self.schema_name: response_format(schema)} if schema else {}
        return self._read_together(prompt, body, sizes.get("logprobs", 0))

    def _read_together(self, prompt: Prompt, body: Mapping[str, Any], top: int) -> Json:
        """Ask so that the last token of a prompt is not read alone, which llama.cpp rounds otherwise.

        So the server first reads a prompt with another end, and forgets this one's.
        """
        reply = self._asked(prompt, body, top)
        if prompt.is_chat or prompt.begun or not (self._by_ids and _ends_alone(reply)):
            return reply
        self._asked(with_other_end(prompt.text), {"model": self._model, "max_tokens": 1}, 0)
        again = self._asked(prompt, body, top)
        return self._asked(prompt, {**body, "cache_prompt": False}, top) if _ends_alone(again) else again

    def _asked(self, prompt: Prompt, body: Mapping[str, Any], top: int) -> Json:
        if not prompt.is_chat:
            asked = [prompt.text, *prompt.begun] if prompt.begun else prompt.text
            told = {"logprobs": top} if top else {}
            reply = self._server.post("/completions", {**body, **told, "prompt": asked})
            return granted(reply, self._server, self._model)
        further = self._no_thinking.parameters()
        chat = {**body, **further.pop("extra_body", {}), **further, "messages": _as_json(prompt)}
        chat.update({"logprobs": True, "top_logprobs": top} if top else {})
        reply = self._server.post("/chat/completions", chat)
        if reply.status != 200 and self._no_thinking.refuse(reply.status, reply.words):
            return self._asked(prompt, body, top)
        answer = granted(reply, self._server, self._model)
        self._no_thinking.grant()
        return answer

    def read(self, reply: Json, prompt: Prompt, sampling: Sampling) -> Completion:
        if not (self._by_ids and tells_token_ids(reply)):
            return read_openai(self._rebuilt(reply, prompt), prompt)
        choice = reply["choices"][0]
        parts = parts_of(choice, prompt)
        is_told = parts.thought is not None or tells_first_token(of_answer(choice, parts))
        return read_llama(reply, prompt, telling=None if is_told else self._first_token(prompt, sampling))

    def _rebuilt(self, reply: Json, prompt: Prompt) -> Json:
        try:
            return rebuilt(reply, is_chat=prompt.is_chat)
        except UnreadableReply as error:
            is_error = isinstance(error, ErrorReply)
            told = "answered with an error" if is_error else "does not answer as an OpenAI-compatible server does"
            mend = "Look at the server's log" if is_error else "Check --api and --api-base"
            raise ModelError(f"{self._server.address} {told}: {reason_in(str(error))}. {mend}.") from error

    def _first_token(self, prompt: Prompt, sampling: Sampling) -> Json:
        """Return a choice that tells the first token, if the completion lost it: see `EmbeddedModel`."""
        top = {"max_tokens": 1, "logprobs": min(sampling.top_logprobs, _MOST_OF_LLAMA)}
        forced = Sampling(max_tokens=1, temperature=sampling.temperature, seed=sampling.seed)
        body = {"stop": [], "logit_bias": [["a", 1000.0]]}
        return dict(self.send(prompt, forced, body, {**top, "stop": 1, "logit_bias": 1})["choices"][0])

    def _template(self, messages: Any) -> str:
        turns = [_turn(message) for message in messages]
        return self._of_llama("/apply-template", {"messages": turns}, "prompt", str)

    def _token_ids(self, text: str) -> list[int]:
        return self._of_llama("/tokenize", {"content": text, "add_special": False}, "tokens", list)

    def _of_llama(self, path: str, body: Json, name: str, kind: type[Told]) -> Told:
        """Return one value of the reply at a path of llama-server."""
        reply = granted(self._root.post(path, body), self._root, self._model)
        value = reply.get(name)
        if not isinstance(value, kind):
            raise ModelError(
                f"{self._root.address}{path} does not answer as llama-server does: {first_words(reply)}. Check --api "
                "and --api-base."
            )
        return value


def _as_json(prompt: Prompt) -> list[dict[str, str]]:
    return [_turn(message) for message in prompt.messages]


def _turn(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _ends_alone(reply: Json) -> bool:
    """Tell whether all of a prompt but its last token came from the server's prefix cache."""
    usage = counts_in(reply.get("usage"))
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return bool(usage and usage["prompt_tokens"] == cached + 1 > 1)


def granted(reply: Reply, server: Server, model: str, *, name: str = "") -> Json:
    """Return a reply's JSON; an error that says what went wrong, and whether it may pass, if it is none.

    `name` stands before the server's address in errors.

    Raises:
        Refused: the server may have refused a parameter.
    """
    told, status = reply.json(), reply.status
    if status == 200 and isinstance(told, dict) and not told.get("error"):
        return told
    where, words = f"{name}{server.address}", without_key(reply.words, server.key)
    if status == 200 and not isinstance(told, dict):
        shown = first_words(reply.text) if reply.text.strip() else "its reply is empty"
        raise ModelError(f"{where} does not answer as such a server does: {shown}. Check --api and --api-base.")
    if status in (401, 403):
        is_given, source = bool(server.key), server.key_source
        raise key_refused(where, reason_in(words), status=status, source=source, is_given=is_given)
    error = _error(status, words, where, model)
    if status in REFUSING and not isinstance(error, ContextOverflowError):
        raise Refused(Failure(status, words, error))
    raise error


def _error(status: int, words: str, where: str, model: str) -> ModelError:
    reason = reason_in(words)
    if TOO_LONG.search(words):
        return ContextOverflowError(f"The prompt does not fit the context window: {reason}. Give shorter inputs.")
    if status in (404, 405):
        return UnknownModelError(
            f"{where} has no model {model!r}, or no such path: status {status}, {reason}. Check --model and --api-base."
        )
    if may_pass(status):
        return TransientError(f"{where} failed with status {status}: {reason}.")
    if status == 200:
        return ModelError(f"{where} answered with an error: {reason}. Look at the server's log.")
    return ModelError(f"{where} refused the request with status {status}: {reason}. Look at the server's log.")
