"""Keep completions, so that none is paid for twice."""

import threading
import warnings
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from cribsheet.models._base import Completion, Model, Sampling, TellsTokenIds
from cribsheet.models._meter import Meter
from cribsheet.models._store import CacheStats, CompletionCache
from cribsheet.models._witness import Witness
from cribsheet.models.capabilities import Capabilities, Probed, fingerprint
from cribsheet.models.keys import KeyLocks, completion_key, request_key
from cribsheet.models.retry import Retrying
from cribsheet.models.thinking import is_only_thought
from cribsheet.prompts import Prompt

__all__ = ["CacheStats", "CachedModel", "CompletionCache", "Meter"]


class CachedModel:
    """A model that answers from the cache what it, or another process, was asked before."""

    def __init__(self, model: Model, cache: CompletionCache, *, meter: Meter | None = None):
        self.model = model
        """The model behind it."""
        self.cache = cache
        """Where completions are kept."""
        self.meter = meter or Meter()
        """What was asked through this object."""
        self.name = model.name
        self.endpoint = model.endpoint
        self.parallel = model.parallel
        self.refused: set[str] = set()
        """Parameters that the server refused, of completions given so far."""
        self._locks = KeyLocks()
        self._starting = threading.RLock()
        self._is_started = False
        self._capabilities: Capabilities | None = None
        self._digest: str | None = None
        self._witness: Witness | None = None

    @property
    def context_window(self) -> int:
        """Tokens that prompt and completion may have together."""
        self.start()
        return self.model.context_window

    @property
    def supports_raw(self) -> bool:
        """Whether raw prompts are completed."""
        self.start()
        return bool(getattr(self.model, "supports_raw", True))

    @property
    def supports_chat(self) -> bool:
        """Whether chats are completed."""
        self.start()
        return bool(getattr(self.model, "supports_chat", True))

    @property
    def counts_exactly(self) -> bool:
        """Whether tokens are counted by the model's own tokenizer, rather than estimated from above."""
        self.start()
        return bool(getattr(self.model, "counts_exactly", True))

    @property
    def only_decides(self) -> bool:
        """Whether the model answers typed questions alone."""
        return bool(getattr(self.model, "only_decides", False))

    @property
    def digest(self) -> str | None:
        """What identifies the weights; asked for once."""
        self.start()
        return self._digest

    @property
    def capabilities(self) -> Capabilities | None:
        """What the endpoint can do, as far as it was probed; None if there is none to ask."""
        self.start()
        return self._capabilities

    @property
    def circumstances(self) -> Mapping[str, JsonValue]:
        """What else can change an answer: what the server refuses, and which of the weights under its name it serves.

        Empty for a server that takes everything and has always served the same weights.
        """
        self.start()
        terms = dict(self._capabilities.terms) if self._capabilities else {}
        generation = self._witness.generation if self._witness else ""
        return {
            **({"refused": terms} if terms else {}),
            **({"generation": generation} if generation else {}),
        }

    def start(self, *, probes: bool = False, anew: bool = False) -> None:
        """Learn what the endpoint can do, and whether it still serves the weights of the stored completions.

        Nothing happens the second time. What it can do is looked up, and, if it `probes`, found out if it is not known,
        or in any case if that is to be done `anew`.

        Raises:
            ModelError: the endpoint cannot be asked.
        """
        with self._starting:
            if self._is_started:
                return
            self._is_started = True
            try:
                self._start(probes=probes, anew=anew)
            except BaseException:
                self._is_started = False
                raise

    def abandon(self) -> None:
        """Wait for no answer any longer; without effect on a model that never lets one wait."""
        if isinstance(self.model, Retrying):
            self.model.abandon()

    @property
    def under_way(self) -> list[float]:
        """For how many seconds each answer under way is waited for, the longest first."""
        return self.model.under_way if isinstance(self.model, Retrying) else []

    def _start(self, *, probes: bool, anew: bool) -> None:
        model = self.model
        told = model.told() if isinstance(model, Probed) else None
        if told is None or not isinstance(model, Probed):
            self._digest = model.digest
            return
        self._digest = fingerprint(told)
        key = request_key(self, capabilities=told.model_dump(mode="json"))
        found = None if anew else self._stored_capabilities(key)
        if found is None and probes:
            found = model.probe(told)
            self.cache.put(key, found.model_dump(mode="json"))
            self.meter.add_probe(found.calls, found.tokens)
        self._capabilities = found or Capabilities(told=told)
        model.adopt(self._capabilities)
        if self.endpoint and not told.digest:
            self._witness = Witness(self.cache, request_key(self, witness=True))
            if self._witness.check(self._ask_anew):
                _warn(
                    f"{self.endpoint} answers a stored prompt otherwise than before: it serves other weights under the "
                    f"name {self.name}. Completions of the former weights are not used."
                )

    def _ask_anew(self, prompt: Prompt, sampling: Sampling) -> Completion:
        completion = self.model.complete(prompt, sampling)
        self.meter.add(completion)
        return completion

    @property
    def prefix_tokens(self) -> int | None:
        """How many tokens of earlier prompts the engine is known to keep; None if that is not known."""
        return getattr(self.model, "prefix_tokens", None)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion from the cache, with `cached` set, or from the model.

        A prompt that several threads want at once is asked for once.

        Raises:
            ModelError: as the model behind it does; failures are not kept.
        """
        key = completion_key(self, prompt, sampling)
        with self._locks.of(key):
            completion = self._stored(key)
            if completion is None or is_only_thought(completion, prompt):
                completion = self.model.complete(prompt, sampling)
                if not is_only_thought(completion, prompt):  # else the model may be served better next time
                    self.cache.put(key, completion.model_dump(exclude={"cached"}))
        self.meter.add(completion)
        self.refused.update(completion.refused)
        if self._witness:
            self._witness.watch(prompt, sampling, completion)
        return completion

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the text has, from the cache if it was counted before."""
        key = request_key(self, tokens_of=text)
        count = self.cache.get(key)
        if not isinstance(count, int):
            count = self.model.count_tokens(text)
            self.cache.put(key, count)
        return count

    def token_ids(self, text: str) -> Sequence[int] | None:
        """Return the tokens of a text, from the cache if it was asked before; None if the model tells none."""
        if not isinstance(self.model, TellsTokenIds):
            return None
        key = request_key(self, token_ids_of=text)
        ids: Sequence[int] | None = self.cache.get(key)
        if not isinstance(ids, list):
            ids = self.model.token_ids(text)
            self.cache.put(key, ids)
        return ids

    def close(self) -> None:
        """Free what the model holds; the cache may serve other models and stays open."""
        self.model.close()

    def _stored(self, key: str) -> Completion | None:
        value = self.cache.get(key)
        try:
            return None if value is None else Completion.model_validate(value | {"cached": True})
        except (ValueError, TypeError):  # damaged, and mended by the next `put`
            return None

    def _stored_capabilities(self, key: str) -> Capabilities | None:
        value = self.cache.get(key)
        try:
            return None if value is None else Capabilities.model_validate(value)
        except ValueError:  # damaged, or of another version
            return None


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)
