"""Answer repeated requests from a cache, so that no completion is paid for twice."""

import threading
import warnings
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from cribsheet.models import forks
from cribsheet.models._base import Completion, Kind, Model, Sampling, TellsTokenIds
from cribsheet.models._meter import Meter
from cribsheet.models._store import CacheStats, CompletionCache
from cribsheet.models._witness import Witness
from cribsheet.models.capabilities import Capabilities, Probed, fingerprint
from cribsheet.models.keys import KeyLocks, completion_key, request_key
from cribsheet.models.retry import Retrying
from cribsheet.models.thinking import is_only_thought
from cribsheet.prompts import Prompt

__all__ = ["CacheStats", "CachedModel", "CompletionCache", "Meter"]


_PROBE = 2
"""Part of the key of stored capabilities. Raise it when the probe finds out more."""


class CachedModel:
    """A wrapper around a model that answers repeated requests from a cache, which several processes may share."""

    def __init__(self, model: Model, cache: CompletionCache, *, meter: Meter | None = None):
        self.model = model
        """The model that answers if the cache cannot."""
        self.cache = cache
        """The store of completions."""
        self.meter = meter or Meter()
        """Counts the calls and tokens of this object."""
        self.name = model.name
        self.endpoint = model.endpoint
        self.parallel = model.parallel
        self.refused: set[str] = set()
        """Parameters that the server refused in any completion so far."""
        self._locks = KeyLocks()
        self._starting = threading.RLock()
        forks.renew_in_child(self, "_starting", threading.RLock)
        self._is_started = False
        self._capabilities: Capabilities | None = None
        self._digest: str | None = None
        self._witness: Witness | None = None

    @property
    def context_window(self) -> int:
        """The most tokens that a prompt and its completion may have together."""
        self.start()
        return self.model.context_window

    @property
    def supports_raw(self) -> bool:
        """Whether the model completes raw prompts."""
        self.start()
        return bool(getattr(self.model, "supports_raw", True))

    @property
    def takes_grammar(self) -> Collection[Kind]:
        """The kinds of prompts whose completions the model holds to a grammar."""
        self.start()
        return getattr(self.model, "takes_grammar", ())

    @property
    def takes_json_schema(self) -> Collection[Kind]:
        """The kinds of prompts whose completions the model holds to a JSON Schema."""
        self.start()
        return getattr(self.model, "takes_json_schema", ())

    @property
    def supports_chat(self) -> bool:
        """Whether the model completes chats."""
        self.start()
        return bool(getattr(self.model, "supports_chat", True))

    @property
    def counts_exactly(self) -> bool:
        """Whether `count_tokens` uses the model's own tokenizer instead of an estimate."""
        self.start()
        return bool(getattr(self.model, "counts_exactly", True))

    @property
    def only_decides(self) -> bool:
        """Whether the model answers typed questions only."""
        return bool(getattr(self.model, "only_decides", False))

    @property
    def digest(self) -> str | None:
        """The hash that identifies the weights; the model is asked for it once."""
        self.start()
        return self._digest

    @property
    def capabilities(self) -> Capabilities | None:
        """What the endpoint can do, as far as it was probed; None if the model has no endpoint to probe."""
        self.start()
        return self._capabilities

    @property
    def circumstances(self) -> Mapping[str, JsonValue]:
        """Further parts of the cache key: the refused parameters, and the generation of the weights.

        Empty if the server accepts everything and has always served the same weights. See `Witness` for generations.
        """
        self.start()
        terms = dict(self._capabilities.terms) if self._capabilities else {}
        generation = self._witness.generation if self._witness else ""
        return {
            **({"refused": terms} if terms else {}),
            **({"generation": generation} if generation else {}),
        }

    def start(self, *, probes: bool = False, anew: bool = False) -> None:
        """Load what is known about the endpoint, and check that it still serves the weights of the stored completions.

        Later calls do nothing. With `probes`, an endpoint whose capabilities are not stored is probed. With `anew`,
        stored capabilities are ignored.

        Raises:
            ModelError: the endpoint does not answer.
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
        """Stop waiting for answers: all pending and later requests raise an AbandonedError. Served models only."""
        if isinstance(self.model, Retrying):
            self.model.abandon()

    @property
    def under_way(self) -> list[float]:
        """How many seconds each pending request has been waiting, longest first; always empty for embedded models."""
        return self.model.under_way if isinstance(self.model, Retrying) else []

    def _start(self, *, probes: bool, anew: bool) -> None:
        model = self.model
        told = model.told() if isinstance(model, Probed) else None
        if told is None or not isinstance(model, Probed):
            self._digest = model.digest
            return
        self._digest = fingerprint(told)
        key = request_key(self, capabilities=told.model_dump(mode="json"), probe=_PROBE)
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
                    f"{self.endpoint} no longer gives the stored answer to a prompt, so it now serves other weights "
                    f"under the name {self.name}. Stored completions of the former weights are not used."
                )

    def _ask_anew(self, prompt: Prompt, sampling: Sampling) -> Completion:
        completion = self.model.complete(prompt, sampling)
        self.meter.add(completion)
        return completion

    @property
    def prefix_tokens(self) -> int | None:
        """How many tokens of earlier prompts the engine keeps for reuse; None if unknown."""
        return getattr(self.model, "prefix_tokens", None)

    def complete(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """Return the completion from the cache, with `cached` set, or from the model.

        If several threads ask for the same prompt at the same time, the model is asked once.

        Raises:
            ModelError: the model gave no completion. Failures are not cached.
        """
        key = completion_key(self, prompt, sampling)
        with self._locks.of(key):
            completion = self._stored(key)
            if completion is None or is_only_thought(completion, prompt):
                completion = self.model.complete(prompt, sampling)
                if not is_only_thought(completion, prompt):  # a thought without an answer may succeed next time
                    self.cache.put(key, completion.model_dump(exclude={"cached"}))
        self.meter.add(completion)
        self.refused.update(completion.refused)
        if self._witness:
            self._witness.watch(prompt, sampling, completion)
        return completion

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in a text, from the cache if it was counted before."""
        key = request_key(self, tokens_of=text)
        count = self.cache.get(key)
        if not isinstance(count, int):
            count = self.model.count_tokens(text)
            self.cache.put(key, count)
        return count

    def token_ids(self, text: str) -> Sequence[int] | None:
        """Return the token ids of a text, from the cache if it was tokenized before; None if not available."""
        if not isinstance(self.model, TellsTokenIds):
            return None
        key = request_key(self, token_ids_of=text)
        ids: Sequence[int] | None = self.cache.get(key)
        if not isinstance(ids, list):
            ids = self.model.token_ids(text)
            self.cache.put(key, ids)
        return ids

    def close(self) -> None:
        """Release the model's resources. The cache stays open, because other models may use it."""
        self.model.close()

    def _stored(self, key: str) -> Completion | None:
        value = self.cache.get(key)
        try:
            return None if value is None else Completion.model_validate(value | {"cached": True})
        except (ValueError, TypeError):  # damaged; the next `put` replaces it
            return None

    def _stored_capabilities(self, key: str) -> Capabilities | None:
        value = self.cache.get(key)
        try:
            return None if value is None else Capabilities.model_validate(value)
        except ValueError:  # damaged, or stored by another version
            return None


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)
