"""Run a GGUF model inside this process."""

import os
import threading
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from cribsheet.errors import UnknownModelError
from cribsheet.models import _engine, _llama, forks, weights
from cribsheet.models._base import DEFAULT_CONTEXT_WINDOW, KINDS, Completion, Sampling, Usage
from cribsheet.models._memory import Memory
from cribsheet.models._prompt_kinds import check_asks_for_text
from cribsheet.models._reading import Reader, overflow
from cribsheet.models.cores import engine_threads
from cribsheet.models.thinking import Thinking
from cribsheet.places import expanded
from cribsheet.prompts import Message, Prompt


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
        self._known_reader: Reader | None = None
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
        return f"{self._reader().engine.listening_address}/v1"

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
        with self._turn:
            reader, start = self._reader(), time.perf_counter()
            prompt, before = reader.prepared(prompt), reader.evaluated
            reply = reader.read(prompt, sampling)
            parts = _llama.parts_of(reply["choices"][0], prompt)
            choice = telling = _llama.of_answer(reply["choices"][0], parts)
            if sampling.top_logprobs and parts.thought is None and not _llama.tells_first_token(choice):
                telling = reader.probe(prompt, sampling)
            usage = _llama.usage_of(reply, evaluated=reader.evaluated - before)
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
        """Return the number of tokens in a text sent as a raw prompt."""
        with self._turn:
            return self._reader().count_tokens(text)

    def token_ids(self, text: str) -> Sequence[int]:
        """Return the token ids of a text, without the tokens that start every prompt."""
        with self._turn:
            return self._reader().token_ids(text)

    def apply_template(self, messages: Sequence[Message]) -> str:
        """Render a chat as a raw prompt, with the model's own chat template."""
        with self._turn:
            return self._reader().apply_template(messages)

    def close(self) -> None:
        """Free the engine. It is loaded again when the model is next used."""
        with self._loading:
            self.forget_engine()

    def forget_engine(self) -> None:
        """Free the engine, for a caller that holds the locks."""
        self._known_reader = None

    @cached_property
    def _memory(self) -> Memory:
        if isinstance(self._source, weights.Weights) and self._source.bytes_per_token:
            return Memory(self._source.bytes_per_token)
        with self._loading:
            return Memory.of(self._file())

    def _reader(self) -> Reader:
        goes_back = self._memory.goes_back(self.context_window)
        with self._loading:
            if self._known_reader is None:
                self._known_reader = Reader(self._started(), name=self.name, goes_back=goes_back)
            return self._known_reader

    def _started(self) -> Any:
        return _engine.start(self._file(), context_window=self.context_window, threads=self._threads)

    def _file(self) -> Path:
        if isinstance(self._source, Path):
            return self._source
        return weights.pull(self._source, directory=weights.models_directory(), progress=self._progress)

    def _check_room(self, usage: Usage, sampling: Sampling, finish_reason: str) -> None:
        """Raise if the completion was cut at the end of the context window, which the engine does not report."""
        cut = finish_reason == "length" and usage.completion_tokens < sampling.max_tokens
        if cut or usage.prompt_tokens + usage.completion_tokens > self.context_window:
            raise overflow(self.name, usage.prompt_tokens, sampling.max_tokens, window=self.context_window)


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
