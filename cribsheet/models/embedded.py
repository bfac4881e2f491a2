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
from cribsheet.models._asked import Asked
from cribsheet.models._asking import check_asks_for_text
from cribsheet.models._base import Completion, Sampling, Usage
from cribsheet.models._begun import as_raw
from cribsheet.models._engine import ends_alone
from cribsheet.models._memory import Memory
from cribsheet.models._starts import Starts
from cribsheet.models.cores import engine_threads
from cribsheet.models.thinking import Thinking
from cribsheet.prompts import Message, Prompt

DEFAULT_CONTEXT_WINDOW = 4096
"""Tokens: the engine sets memory aside for all of them, and prompts for small models are shorter."""

_ANY_TOKEN = "a"
_LAST = 24  # bytes that end a prompt: two tokens at least
_OTHER = "\x1f\x1f"  # what no prompt goes on with


class EmbeddedModel:
    """A model that llama.cpp runs in this process, loaded when it is first asked something.

    `name` is `embedded/` and a known name, the stem of a pulled file, or the path of a .gguf file; `path`
    overrides where the file lies. Known weights are fetched when they are first needed, telling `progress`
    the bytes. A prompt gets the same log-probabilities to the bit, whatever was asked before it.

    Raises:
        UnknownModelError: the name leads to no weights.
    """

    endpoint: str = ""
    parallel: int = 1

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
        self._asked = Asked()
        self._starts = Starts()
        self._evaluated = 0
        """Tokens that were read for the prompt under way."""
        self._loading = threading.Lock()
        self._turn = threading.Lock()
        self._thinking = Thinking()
        forks.free_before_fork(self, self._turn, self._loading)

    @property
    def digest(self) -> str | None:
        """The sha256 of the weights, which for most known ones needs no file."""
        if isinstance(self._source, weights.Weights) and self._source.sha256:
            return f"sha256:{self._source.sha256}"
        with self._loading:
            return weights.digest(self._file())

    @property
    def prefix_tokens(self) -> int | None:
        """How many tokens of earlier prompts it keeps; None if it cannot go back to any place in them."""
        return self._memory.prefix_tokens(self.context_window)

    @property
    def address(self) -> str:
        """The base URL of the engine's own OpenAI-compatible API, which only this machine can reach."""
        return f"{self._engine().listening_address}/v1"

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion of a prompt; calls from several threads take turns.

        A chat gets the model's own template, once. In `first_token`, a token without text, such as the one
        that ends the answer, is `""`. `logprobs` lacks what llama.cpp keeps to itself: tokens inside a
        character, and one that a stop sequence cuts into.

        Raises:
            ContextOverflowError: prompt and completion do not fit the context window.
            ModelError: the engine refuses the prompt.
        """
        check_asks_for_text(prompt, self.name)
        return self._thinking.complete(self._answer, prompt, sampling, window=self.context_window)

    def _answer(self, prompt: Prompt, sampling: Sampling) -> Completion:
        # The end of a chat that is asked again can be forgotten only as text: see `_read`.
        if prompt.begun or (prompt.is_chat and self._asked.holds(prompt.full_text)):
            prompt = as_raw(prompt, template=self.apply_template, token_ids=self.token_ids)
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

    def count_tokens(self, text: str) -> int:
        """Return how many tokens a raw prompt of that text has."""
        return len(self._post("/tokenize", {"content": text, "add_special": True})["tokens"])

    def token_ids(self, text: str) -> Sequence[int]:
        """Return the tokens of a text, without what a prompt starts with."""
        tokens: Sequence[int] = self._post("/tokenize", {"content": text, "add_special": False})["tokens"]
        return tokens

    def apply_template(self, messages: Sequence[Message]) -> str:
        """Return the raw prompt that the model's own template makes of a chat."""
        turns = [message.model_dump() for message in messages]
        body = {"messages": turns, "chat_template_kwargs": _llama.TEMPLATE_SETTINGS}
        return str(self._post("/apply-template", body)["prompt"])

    def close(self) -> None:
        """Free the engine; it is loaded again when the model is next asked something."""
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
                self._asked, self._starts = Asked(), Starts()
            return self._server

    def _file(self) -> Path:
        if isinstance(self._source, Path):
            return self._source
        return weights.pull(self._source, directory=weights.models_directory(), progress=self._progress)

    def _read(self, engine: Any, prompt: Prompt, sampling: Sampling) -> _llama.Json:
        """Ask so that every token of the prompt is read together with others.

        llama.cpp computes a batch of one token by other kernels than a larger one, and the difference in
        rounding can grow to 0.1 nats. One token is a batch if it was generated, or is the only one that
        the prefix cache lacks. So the cache is first made to forget what was generated after an earlier
        prompt that this one goes on from, and a prompt whose last token came to stand alone is read again.
        """
        body, text = _llama.request(prompt, sampling), prompt.full_text
        fresh = body | {"cache_prompt": False}
        end = self._asked.end_in(text)
        self._asked.add(text)
        self._read_start(engine, prompt)
        forgot = end is None or self._forget(engine, prompt, end)
        reply = self._ask(engine, prompt, body if forgot else fresh)
        usage = _llama.usage_of(reply)
        if not self._ends_alone(usage.evaluated_tokens) or usage.prompt_tokens == 1:
            return reply
        if self._forget(engine, prompt, len(text)):
            again = self._ask(engine, prompt, body)
            if not self._ends_alone(_llama.usage_of(again).evaluated_tokens):
                return again
        if not self._ends_alone(usage.prompt_tokens):
            return self._ask(engine, prompt, fresh)
        half = _llama.half_of(prompt)  # since read in one go, the last token would stand alone again
        self._ask(engine, half, _llama.request(half, Sampling(max_tokens=1)) | {"cache_prompt": False})
        return self._ask(engine, prompt, body)

    def _ends_alone(self, tokens: int) -> bool:
        return ends_alone(tokens, goes_back=self._memory.goes_back(self.context_window))

    def _read_start(self, engine: Any, prompt: Prompt) -> None:
        """Have an engine that cannot go back in what it has read keep its state where prompts begin to differ.

        llama.cpp keeps states shortly before the end of a prompt. So a start that two prompts share is read as a
        prompt of its own: later ones go on from there. A chat needs none: states are kept before each question too.
        """
        if prompt.is_chat or self._memory.goes_back(self.context_window):
            return
        if start := self._starts.to_read(prompt.text):
            alone = Prompt(text=start)
            self._ask(engine, alone, _llama.request(alone, Sampling(max_tokens=1)))

    def _forget(self, engine: Any, prompt: Prompt, end: int) -> bool:
        """Take from the prefix cache what comes shortly before the `end`-th character, and all after it.

        It then holds another text that begins alike. A chat's text is its template's: False, nothing is done.
        """
        if prompt.is_chat or end <= _LAST:
            return False
        other = Prompt(text=prompt.text[:end].encode()[:-_LAST].decode(errors="ignore") + _OTHER)
        self._ask(engine, other, _llama.request(other, Sampling(max_tokens=1)))
        return True

    def _ask(self, engine: Any, prompt: Prompt, body: _llama.Json) -> _llama.Json:
        if not prompt.is_chat and not prompt.text:
            raise ModelError(f"{self.name} was given an empty prompt. Give it some text to complete.")
        ask = engine.handle_chat_completions if prompt.is_chat else engine.handle_completions
        reply: _llama.Json = ask(body)
        if "choices" in reply:
            self._evaluated += _llama.usage_of(reply).evaluated_tokens
            return reply
        error = reply.get("error", reply)
        if error.get("type") == "exceed_context_size_error":
            raise self._overflow(error["n_prompt_tokens"], body["max_tokens"], window=error["n_ctx"])
        raise ModelError(f"{self.name} refused the prompt: {error.get('message', error)}")

    def _check_room(self, usage: Usage, sampling: Sampling, finish_reason: str) -> None:
        """Raise if the window's end, which the engine takes for a finish, cut the completion."""
        cut = finish_reason == "length" and usage.completion_tokens < sampling.max_tokens
        if cut or usage.prompt_tokens + usage.completion_tokens > self.context_window:
            raise self._overflow(usage.prompt_tokens, sampling.max_tokens, window=self.context_window)

    def _overflow(self, prompt_tokens: int, max_tokens: int, *, window: int) -> ContextOverflowError:
        return ContextOverflowError(
            f"A prompt of {prompt_tokens} tokens and up to {max_tokens} tokens of completion do not fit the "
            f"context window of {self.name}, {window} tokens. Use fewer or shorter demonstrations, or open the "
            "model with a larger context_window."
        )

    def _probe(self, engine: Any, prompt: Prompt, sampling: Sampling) -> _llama.Json:
        """Return a choice that tells the alternatives of the first token, if the completion lost them.

        llama.cpp reports none for a token that ends inside a character (common in Chinese) or that belongs
        to a stop sequence. It tells the model's own log-probabilities, from before any bias: so a bias that
        forces some harmless token brings them out. With the prefix cache this costs one token, which
        is read alone: the same every time, and but for rounding what a whole reading gives.
        """
        forced = sampling.model_copy(update={"max_tokens": 1})
        body = _llama.request(prompt, forced) | {"stop": [], "logit_bias": [[_ANY_TOKEN, 1000.0]]}
        choice: _llama.Json = self._ask(engine, prompt, body)["choices"][0]
        return choice

    def _post(self, path: str, body: _llama.Json) -> Any:
        # The bindings have no tokenizer of their own; their server on the loopback does.
        with self._turn:
            status, reply = _llama.post(self._engine().listening_address, path, body)
        if status != http.client.OK:
            raise ModelError(f"{self.name} refused {path} with status {status}: {reply}")
        return json.loads(reply)


def _source_of(name: str) -> Path | weights.Weights:
    bare = name.removeprefix("embedded/")
    if bare.endswith(".gguf"):
        file: Path | None = Path(bare).expanduser()
    elif entry := weights.find(bare):
        return entry
    else:
        file = weights.locate(bare, directory=weights.models_directory())
    if file is None or not file.is_file():
        names = [entry.name for entry in weights.known()]
        names += [found.name for found in weights.on_disk(weights.models_directory()) if found.name not in names]
        raise UnknownModelError(
            f"{name} leads to no weights. Known or on disk are {', '.join(names)}; fetch others with "
            "`cribsheet models pull`, or name a file: embedded/PATH.gguf."
        )
    return file


def _default_context_window(source: Path | weights.Weights) -> int:
    trained = source.context_window if isinstance(source, weights.Weights) else None
    return min(trained or DEFAULT_CONTEXT_WINDOW, DEFAULT_CONTEXT_WINDOW)
