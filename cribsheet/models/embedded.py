"""Run a GGUF model inside this process."""

import http.client
import json
import os
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from cribsheet.errors import ContextOverflowError, ModelError, UnknownModelError
from cribsheet.models import _engine, _llama, forks, weights
from cribsheet.models._base import DEFAULT_CONTEXT_WINDOW, KINDS, Completion, Sampling, Usage
from cribsheet.models._continued import as_raw
from cribsheet.models._earlier_prompts import EarlierPrompts, End
from cribsheet.models._engine import ends_alone
from cribsheet.models._memory import Memory
from cribsheet.models._prefixes import SharedPrefixes
from cribsheet.models._prompt_kinds import check_asks_for_text
from cribsheet.models.cores import engine_threads
from cribsheet.models.thinking import Thinking
from cribsheet.places import expanded
from cribsheet.prompts import Message, Prompt

_ANY_TOKEN = "a"


class EmbeddedModel:
    """A model that llama.cpp runs in this process, loaded when it is first used.

    `name` is `embedded/` followed by a known name, the stem of a pulled file, or the path of a .gguf file. `path`
    overrides the file's location. Known weights are downloaded when they are first needed, and `progress` is called
    with the bytes. A prompt's log-probabilities are bit-identical, no matter which prompts came before it.

    Raises:
        UnknownModelError: no weights have that name.
    """

    endpoint: str = ""
    parallel: int = 1
    takes_grammar = KINDS

    def __init__(
        self,
        name: str,
        *,
        path: str | os.PathLike[str] | None = None,
        context_window: int | None = None,
        threads: int | None = None,
        progress: weights.Progress | None = None,
    ) -> None:
        self.name = name
        self._source = Path(path) if path else _source_of(name)
        self.context_window = context_window or _default_context_window(self._source)
        self._threads = threads or engine_threads()
        self._progress = progress
        self._server: Any = None
        self._earlier = EarlierPrompts()
        self._prefixes = SharedPrefixes()
        self._evaluated = 0
        """Number of tokens that the engine evaluated for the current prompt, over all requests made for it."""
        self._loading = threading.Lock()
        self._turn = threading.Lock()
        self._thinking = Thinking()
        forks.renew_in_child(self._thinking, "_finding_out", threading.Lock)
        forks.free_before_fork(self, self._turn, self._loading)

    @property
    def digest(self) -> str | None:
        """The sha256 of the weights. If it is listed with the known weights, the file is not needed."""
        if isinstance(self._source, weights.Weights) and self._source.sha256:
            return f"sha256:{self._source.sha256}"
        with self._loading:
            return weights.digest(self._file())

    @property
    def prefix_tokens(self) -> int | None:
        """How many tokens of earlier prompts are kept for reuse; None if unknown or if no prefix can be reused."""
        return self._memory.prefix_tokens(self.context_window)

    @property
    def address(self) -> str:
        """The base URL of the engine's own OpenAI-compatible API, which only this machine can reach."""
        return f"{self._engine().listening_address}/v1"

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt. Calls from several threads take turns.

        A chat is rendered with the model's own chat template. In `first_token`, a token without text, such as the
        end-of-text token, is `""`. `logprobs` lacks the tokens that llama.cpp does not report: tokens inside a
        character, and a token that a stop sequence cuts in two.

        Raises:
            ContextOverflowError: the prompt and its completion do not fit the context window.
            ModelError: the engine refuses the prompt.
        """
        check_asks_for_text(prompt, self.name)
        return self._thinking.complete(self._answer, prompt, sampling, window=self.context_window)

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        # The end of a chat that is asked again can be forgotten only as text: see `_read`.
        if prompt.begun or (prompt.is_chat and self._earlier.holds(prompt.full_text)):
            prompt = self._as_raw(prompt)
        with self._turn:
            engine, start = self._engine(), time.perf_counter()
            self._evaluated = 0
            reply = self._read(engine, prompt, sampling)
            parts = _llama.parts_of(reply["choices"][0], prompt)
            choice = telling = _llama.of_answer(reply["choices"][0], parts)
            if sampling.top_logprobs and parts.thought is None and not _llama.tells_first_token(choice):
                telling = self._probe(engine, prompt, sampling)
            usage = _llama.usage_of(reply, evaluated=self._evaluated)
        self._check_room(usage, sampling, choice["finish_reason"])
        return Completion(
            text=parts.answer,
            thought=parts.thought,
            finish_reason="length" if choice["finish_reason"] == "length" else "stop",
            first_token=_llama.alternatives_of(telling),
            parts=_llama.first_parts_of(telling),
            may_go_on=True,
            logprobs=_llama.logprobs_of(choice, parts.answer) if sampling.top_logprobs else None,
            usage=usage,
            seconds=time.perf_counter() - start,
        )

    def _as_raw(self, prompt: Prompt) -> Prompt:
        """Return a chat, or a prompt with a begun answer, as text and token ids, the end of which can be forgotten."""

        def template(messages: Sequence[Message]) -> str:
            text = self.apply_template(messages)
            with self._turn:  # tokens that were read alone after the chat are known by its text from now on
                if self._earlier.pop_alone(prompt.model_copy(update={"begun": ()}).full_text):
                    self._earlier.add(text, read_alone=True)
            return text

        return as_raw(prompt, template=template, token_ids=self.token_ids)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in a text sent as a raw prompt."""
        return len(self._post("/tokenize", {"content": text, "add_special": True})["tokens"])

    def token_ids(self, text: str) -> Sequence[int]:
        """Return the token ids of a text, without the tokens that start every prompt."""
        tokens: Sequence[int] = self._post("/tokenize", {"content": text, "add_special": False})["tokens"]
        return tokens

    def apply_template(self, messages: Sequence[Message]) -> str:
        """Render a chat as a raw prompt, with the model's own chat template."""
        turns = [message.model_dump() for message in messages]
        body = {"messages": turns, "chat_template_kwargs": _llama.TEMPLATE_SETTINGS}
        return str(self._post("/apply-template", body)["prompt"])

    def close(self) -> None:
        """Free the engine. It is loaded again when the model is next used."""
        with self._loading:
            self.forget_engine()

    def forget_engine(self) -> None:
        """Free the engine, for a caller that holds the locks."""
        self._server = None

    @cached_property
    def _memory(self) -> Memory:
        if isinstance(self._source, weights.Weights) and self._source.bytes_per_token:
            return Memory(self._source.bytes_per_token)
        with self._loading:
            return Memory.of(self._file())

    def _engine(self) -> Any:
        with self._loading:
            if self._server is None:
                self._server = _engine.start(self._file(), context_window=self.context_window, threads=self._threads)
                self._earlier, self._prefixes = EarlierPrompts(), SharedPrefixes()
            return self._server

    def _file(self) -> Path:
        if isinstance(self._source, Path):
            return self._source
        return weights.pull(self._source, directory=weights.models_directory(), progress=self._progress)

    def _read(self, engine: Any, prompt: Prompt, sampling: Sampling) -> _llama.Json:
        """Request a completion in such a way that no prompt token is evaluated in a batch of its own.

        llama.cpp evaluates a batch of one token with other kernels than a larger batch, and the rounding differences
        can grow to 0.1 nats. A token is in a batch of its own if it was generated, or if it is the only prompt token
        that the prefix cache does not hold. So if this prompt continues an earlier one, the prefix cache is first made
        to drop the tokens that were read alone there, or to drop the end of the earlier prompt if only one token
        follows. And if the last token was in a batch of its own, the prompt is read again.
        """
        body, text = _llama.request(prompt, sampling), prompt.full_text
        fresh = body | {"cache_prompt": False}
        end = self._earlier.end_in(text)
        self._earlier.add(text, read_alone=sampling.max_tokens > 1)  # the last token that is generated is not read
        self._read_start(engine, prompt)
        forgot = end is None or self._forget(engine, prompt, end)
        reply = self._ask(engine, prompt, body if forgot else fresh)
        usage = _llama.usage_of(reply)
        if usage.prompt_tokens == 1:
            self._earlier.add(text, read_alone=True)
        if not self._ends_alone(usage.evaluated_tokens) or usage.prompt_tokens == 1:
            return reply
        if self._forget(engine, prompt, End(len(text), read_alone=False)):
            again = self._ask(engine, prompt, body)
            if not self._ends_alone(_llama.usage_of(again).evaluated_tokens):
                return again
        if not self._ends_alone(usage.prompt_tokens):
            return self._ask(engine, prompt, fresh)
        half = _llama.half_of(prompt)  # read in one go, the prompt would leave its last token alone again
        self._ask(engine, half, _llama.request(half, Sampling(max_tokens=1)) | {"cache_prompt": False})
        return self._ask(engine, prompt, body)

    def _ends_alone(self, tokens: int) -> bool:
        return ends_alone(tokens, goes_back=self._memory.goes_back(self.context_window))

    def _read_start(self, engine: Any, prompt: Prompt) -> None:
        """If the engine can resume only from saved states, have it save one at the end of a shared prefix.

        llama.cpp saves its state shortly before the end of a prompt. So a prefix that two prompts share is read as a
        prompt of its own, and later prompts continue from there. Chats do not need this, because llama.cpp also saves
        the state before each user turn.
        """
        if prompt.is_chat or self._memory.goes_back(self.context_window):
            return
        if start := self._prefixes.to_read(prompt.text):
            alone = Prompt(text=start)
            self._ask(engine, alone, _llama.request(alone, Sampling(max_tokens=1)))

    def _forget(self, engine: Any, prompt: Prompt, end: End) -> bool:
        """Drop from the prefix cache an earlier prompt's last token and all after it, unless that changes nothing.

        At least the last two tokens are dropped. To do so, the engine reads a prompt that begins the same but ends
        with another token. Return False if that is impossible: for a chat, because only its template knows the text,
        and for an `end` too close to the prompt's start.
        """
        if prompt.is_chat:
            return False
        tokens = self._tokens(engine, prompt)
        before = _llama.tokens_before(tokens, after=len(prompt.full_text[end.at :].encode()))
        if not end.read_alone and len(tokens) - before > 1:
            return True
        kept = before - 1
        other = next((one.id for one in tokens if one.id != tokens[kept].id), None)
        if kept < 1 or other is None:
            return False
        ids = [*(one.id for one in tokens[:kept]), other]
        self._ask(engine, prompt, _llama.request(prompt, Sampling(max_tokens=1)) | {"prompt": ids})
        return True

    def _ask(self, engine: Any, prompt: Prompt, body: _llama.Json) -> _llama.Json:
        if not prompt.is_chat and not prompt.text:
            raise ModelError(f"{self.name} got an empty prompt. Give it some text to complete.")
        ask = engine.handle_chat_completions if prompt.is_chat else engine.handle_completions
        reply: _llama.Json = ask(body)
        if "choices" in reply:
            self._evaluated += _llama.usage_of(reply).evaluated_tokens
            return reply
        error = reply.get("error", reply)
        if error.get("type") == "exceed_context_size_error":
            raise self._overflow(error["n_prompt_tokens"], body["max_tokens"], window=error["n_ctx"])
        reason = str(error.get("message", error)).rstrip(".")
        raise ModelError(f"{self.name} refused the prompt: {reason}. Choose another layout or another model.")

    def _check_room(self, usage: Usage, sampling: Sampling, finish_reason: str) -> None:
        """Raise if the completion was cut at the end of the context window, which the engine does not report."""
        cut = finish_reason == "length" and usage.completion_tokens < sampling.max_tokens
        if cut or usage.prompt_tokens + usage.completion_tokens > self.context_window:
            raise self._overflow(usage.prompt_tokens, sampling.max_tokens, window=self.context_window)

    def _overflow(self, prompt_tokens: int, max_tokens: int, *, window: int) -> ContextOverflowError:
        return ContextOverflowError(
            f"A prompt of {prompt_tokens} tokens and up to {max_tokens} tokens of completion do not fit the "
            f"context window of {self.name}, which is {window} tokens. Use fewer or shorter demonstrations, or open "
            "the model with a larger context_window."
        )

    def _probe(self, engine: Any, prompt: Prompt, sampling: Sampling) -> _llama.Json:
        """Return a choice that reports the first token's alternatives, if the completion does not.

        llama.cpp reports none if the token ends inside a character, which is common in Chinese, or if it belongs to a
        stop sequence. So a second request forces a harmless token with a bias. The reported log-probabilities are still
        the model's own, since they are taken before the bias. Thanks to the prefix cache, only one token is evaluated.
        It is in a batch of its own, so the result may differ from a whole reading by rounding, but is always the same.
        A later prompt that continues this one drops that token: see `_read`.
        """
        forced = sampling.model_copy(update={"max_tokens": 1})
        body = _llama.request(prompt, forced) | {"stop": [], "logit_bias": [[_ANY_TOKEN, 1000.0]]}
        choice: _llama.Json = self._ask(engine, prompt, body)["choices"][0]
        self._earlier.add(prompt.full_text, read_alone=True)
        return choice

    def _tokens(self, engine: Any, prompt: Prompt) -> Sequence[_llama.Token]:
        """Return the tokens of a raw prompt; the caller holds the turn."""
        body = {"content": prompt.text, "add_special": True, "with_pieces": True}
        return _llama.tokens_of(self._posted(engine, "/tokenize", body), prompt)

    def _post(self, path: str, body: _llama.Json) -> Any:
        with self._turn:
            return self._posted(self._engine(), path, body)

    def _posted(self, engine: Any, path: str, body: _llama.Json) -> Any:
        # The Python bindings offer no tokenizer, but the engine's HTTP server on the loopback does.
        status, reply = _llama.post(engine.listening_address, path, body)
        if status != http.client.OK:
            raise ModelError(
                f"The engine of {self.name} refused {path} with status {status}: {reply}. Choose another model."
            )
        return json.loads(reply)


def _source_of(name: str) -> Path | weights.Weights:
    bare = name.removeprefix("embedded/")
    if bare.endswith(".gguf"):
        file: Path | None = expanded(bare)
    elif entry := weights.find(bare):
        return entry
    else:
        file = weights.locate(bare, directory=weights.models_directory())
    if file is None or not file.is_file():
        names = [entry.name for entry in weights.known()]
        names += [found.name for found in weights.on_disk(weights.models_directory()) if found.name not in names]
        raise UnknownModelError(
            f"{name} leads to no weights. Weights that are known or on disk: {', '.join(names)}. Fetch others with "
            "`cribsheet models pull`, or name a file: embedded/PATH.gguf."
        )
    return file


def _default_context_window(source: Path | weights.Weights) -> int:
    trained = source.context_window if isinstance(source, weights.Weights) else None
    return min(trained or DEFAULT_CONTEXT_WINDOW, DEFAULT_CONTEXT_WINDOW)
