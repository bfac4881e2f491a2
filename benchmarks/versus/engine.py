"""The engine that DSPy's optimizers use, which counts their tokens."""

import bisect
import json
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import diskcache
import dspy
from dspy.utils.exceptions import ContextWindowExceededError, LMInvalidRequestError

from cribsheet.models import weights
from cribsheet.models.cores import engine_threads
from versus.cells import Cost

NAME = "smollm2-135m"
WINDOW = 4096
"""Tokens of its one slot, as in Cribsheet's own engine.

On two cores, one slot is the fastest, and its answers do not depend on other requests.
"""
ANSWER_TOKENS, PROPOSAL_TOKENS = 100, 1000


class CutOff(BaseException):
    """Stops an optimizer that has reached its limit. It is not an Exception, since DSPy catches most of those."""


class Reply(NamedTuple):
    """The engine's answer to one request."""

    text: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float = 0.0
    """The seconds of the original request, if the reply was stored by an earlier run."""


class Asked(Protocol):
    """Anything that answers chats: an engine, or a wrapper around one."""

    def ask(self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int, temperature: float, seed: int) -> Reply:
        """Return the answer."""
        ...


class Engine:
    """llama.cpp with one slot and its prefix cache on."""

    def __init__(self) -> None:
        import xllamacpp as xlc  # needed only if DSPy's side is measured

        parameters = xlc.CommonParams()
        parameters.model.path = str(weights.pull(NAME, directory=weights.models_directory()))
        parameters.n_parallel = 1
        parameters.n_ctx = WINDOW
        parameters.kv_unified = False
        parameters.cache_ram_mib = 1024
        parameters.verbosity = -1
        parameters.endpoint_slots = False
        threads = engine_threads()
        if threads is not None:
            parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
        self._server = xlc.Server(parameters)

    def ask(self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int, temperature: float, seed: int) -> Reply:
        """Return the answer; if the prompt is too long, raise the error that DSPy expects then."""
        body = {"messages": list(messages), "max_tokens": max_tokens, "temperature": temperature, "seed": seed}
        reply = self._server.handle_chat_completions(body | {"cache_prompt": True})
        if "choices" not in reply:
            raise _refusal(reply.get("error", reply))
        usage = reply["usage"]
        return Reply(
            reply["choices"][0]["message"]["content"] or "",
            usage["prompt_tokens"],
            usage["prompt_tokens_details"]["cached_tokens"],
            usage["completion_tokens"],
        )


class Remembered:
    """An engine that stores its replies in a folder, so that a cell that was stopped can be continued.

    A stored reply counts as if it were new, with the seconds that it took. Requests are sent one at a time. If several
    waited for the one slot, the seconds of each would include those of the others.
    """

    def __init__(self, engine: Asked, folder: Path):
        self._engine = engine
        self._slot = threading.Lock()
        self._replies = diskcache.Cache(str(folder), size_limit=2**33)

    def ask(self, messages: Sequence[Mapping[str, Any]], *, max_tokens: int, temperature: float, seed: int) -> Reply:
        """Return the answer, and store it."""
        # A greedy answer does not depend on the seed, so all methods share it.
        key = json.dumps([list(messages), max_tokens, temperature, seed if temperature else None])
        kept = self._replies.get(key)
        if kept is not None:
            return Reply(*kept)
        with self._slot:
            start = time.monotonic()
            reply = self._engine.ask(messages, max_tokens=max_tokens, temperature=temperature, seed=seed)
            seconds = time.monotonic() - start
        self._replies[key] = (*reply[:-1], seconds)
        return reply


def _refusal(error: Mapping[str, Any]) -> Exception:
    message = str(error.get("message", error))
    if error.get("type") == "exceed_context_size_error":
        return ContextWindowExceededError(model=NAME, message=message)
    return LMInvalidRequestError(message, model=NAME)


class Limit:
    """Counts tokens from all threads, and raises CutOff before a request if the limit is reached.

    DSPy's threads send prompts in any order, so the engine's prefix cache loses prefixes that would be needed again.
    This must not be a handicap for DSPy. So if it is less than what the engine had to read, a prompt counts only with
    the part after its longest common prefix with any earlier prompt, measured in characters.
    """

    def __init__(self, tokens: float | None = None):
        self.tokens = tokens
        self.cost = Cost()
        """The cost so far. Its seconds are those of replies from earlier runs."""
        self._lock = threading.Lock()
        self._prompts: list[str] = []

    def check(self) -> None:
        """Raise CutOff if the limit is reached."""
        if self.tokens is not None and self.cost.tokens >= self.tokens:
            raise CutOff(f"cut off at {self.cost.tokens} tokens")

    def add(self, prompt: str, reply: Reply) -> None:
        """Count a reply."""
        with self._lock:
            before, unshared = self.cost, 1 - self._shared(prompt)
            read = min(reply.prompt_tokens - reply.cached_tokens, max(1, round(unshared * reply.prompt_tokens)))
            self.cost = Cost(
                calls=before.calls + 1,
                prompt_tokens=before.prompt_tokens + reply.prompt_tokens,
                evaluated_tokens=before.evaluated_tokens + read,
                completion_tokens=before.completion_tokens + reply.completion_tokens,
                seconds=before.seconds + reply.seconds,
            )

    def _shared(self, prompt: str) -> float:
        """Return the share of a prompt that is a common prefix with an earlier one, then remember the prompt."""
        place = bisect.bisect(self._prompts, prompt)
        neighbours = self._prompts[max(0, place - 1) : place + 1]  # sorted, so neighbours share most
        self._prompts.insert(place, prompt)
        return max((_common(prompt, one) for one in neighbours), default=0) / max(1, len(prompt))


def _common(one: str, other: str) -> int:
    """Return the length of the common prefix of two texts, in characters."""
    differing = (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    return next(differing, min(len(one), len(other)))


class EngineLM(dspy.BaseLM):
    """The engine as a DSPy language model.

    Repeated requests are answered from memory, as from DSPy's own cache. The key is the whole request, including the
    rollout's number. The temperature is 0 if DSPy asks for none.
    """

    def __init__(self, engine: Asked, limit: Limit, *, max_tokens: int = ANSWER_TOKENS, temperature: float = 0.0):
        super().__init__(f"embedded/{NAME}", temperature=temperature, max_tokens=max_tokens, cache=False, num_retries=0)
        self.engine, self.limit = engine, limit
        self._known: dict[str, Reply] = {}

    def __deepcopy__(self, memo: object) -> "EngineLM":
        return self  # DSPy copies programs, and must not copy the model that they hold

    def forward(
        self, prompt: str | None = None, messages: Sequence[Mapping[str, Any]] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Return a response in OpenAI's format."""
        options = {**self.kwargs, **kwargs}
        chat = messages or [{"role": "user", "content": prompt}]
        replies = [self._reply(chat, options, number) for number in range(options.get("n") or 1)]
        return {
            "model": self.model,
            "choices": [{"message": {"role": "assistant", "content": reply.text}} for reply in replies],
            "usage": {},
        }

    def _reply(self, chat: Sequence[Mapping[str, Any]], options: Mapping[str, Any], number: int) -> Reply:
        self.limit.check()
        temperature = float(options.get("temperature") or 0.0)
        request = [chat, options.get("max_tokens"), temperature, options.get("rollout_id"), number]
        key = json.dumps(request, sort_keys=True)
        if key not in self._known:
            reply = self.engine.ask(
                chat,
                max_tokens=options.get("max_tokens") or ANSWER_TOKENS,
                temperature=temperature,
                seed=zlib.crc32(key.encode()),
            )
            self.limit.add("\n".join(str(turn["content"]) for turn in chat), reply)
            self._known[key] = reply
        return self._known[key]
