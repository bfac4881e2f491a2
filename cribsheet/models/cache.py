"""Answer repeated requests from a cache, so that no completion is paid for twice."""

import threading
import warnings
from collections.abc import Collection, Mapping, Sequence

from pydantic import JsonValue

from cribsheet.errors import ModelError
from cribsheet.models import forks
from cribsheet.models._base import Completion, Kind, MayCount, Model, Sampling, TellsTokenIds
from cribsheet.models._estimate import estimate_tokens
from cribsheet.models._meter import Meter
from cribsheet.models._store import CacheStats, CompletionCache
from cribsheet.models._witness import Witness
from cribsheet.models.capabilities import Capabilities, Probed, fingerprint, is_hash
from cribsheet.models.keys import KeyLocks, completion_key, request_key
from cribsheet.models.retry import Retrying
from cribsheet.models.thinking import is_only_thought
from cribsheet.prompts import Prompt

__all__ = ["CacheStats", "CachedModel", "CompletionCache", "Meter"]


_PROBE = 2
"""Part of the key of stored capabilities. Raise it when the probe finds out more."""


_CHANGED = {
    "other": "{endpoint} no longer gives the stored answer to a prompt, so it now serves other weights under the name "
    "{name}. Stored completions of the former weights are not used.",
    "mixed": "{endpoint} gives two answers to one prompt under the name {name}, and neither is the stored one. Perhaps "
    "several servers with different weights take turns behind this address. Stored completions are not used. Give the "
    "address of one server, or one name to each set of weights.",
}
"""What a user is told if the check of the weights does not find known ones."""


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
        self._outages = 0
        """How many outages of the server there were when the weights were last checked."""
        self._is_replaced = False
        """Whether the server came back with other weights."""

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

        Empty if the server accepts everything and reports a hash of its weights. See `Witness` for generations.
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
        self._digest = fingerprint(told) if told else model.digest
        if told and isinstance(model, Probed):
            key = request_key(self, capabilities=told.model_dump(mode="json"), probe=_PROBE)
            found = None if anew else self._stored_capabilities(key)
            if found is None and probes:
                found = model.probe(told)
                self.cache.put(key, found.model_dump(mode="json"))
                self.meter.add_probe(found.calls, found.tokens)
            self._capabilities = found or Capabilities(told=told)
            model.adopt(self._capabilities)
        if self.endpoint and not is_hash(self._digest):
            self._witness = Witness(self.cache, request_key(self, witness=True), self._ask_anew)
            verdict = self._witness.check()
            if verdict != "same":
                _warn(_CHANGED[verdict].format(endpoint=self.endpoint, name=self.name))

    def _check_after_outage(self) -> None:
        """Check the weights again if the server was down since the last check.

        Raises:
            ModelError: it serves other weights now, so its answers do not belong with the earlier ones.
        """
        with self._starting:
            now = self.model.outages if isinstance(self.model, Retrying) else 0
            if now != self._outages:
                self._outages = now
                self._is_replaced = self._is_replaced or self._serves_others()
        if self._is_replaced:
            raise ModelError(
                f"{self.endpoint} was restarted and now serves other weights under the name {self.name}. Their answers "
                "cannot be counted with the earlier ones. Run the command again to begin anew with these weights, or "
                "start the server with the former ones to go on."
            )

    def _serves_others(self) -> bool:
        told = self.model.told() if isinstance(self.model, Probed) else None
        digest = told and fingerprint(told)
        if digest and self._digest and digest != self._digest:
            return True
        if not self._witness:
            return False
        before = self._witness.generation
        self._witness.check()
        after, self._witness.generation = self._witness.generation, before
        return before != after

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
                self._check_after_outage()
                if self._witness:
                    self._witness.watch(prompt, sampling, completion)
                if not is_only_thought(completion, prompt):  # a thought without an answer may succeed next time
                    self.cache.put(key, completion.model_dump(exclude={"cached"}))
        self.meter.add(completion)
        self.refused.update(completion.refused)
        return completion

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens in a text, from the cache if it was counted before. Estimates are not stored."""
        key = request_key(self, counted=text)
        known = self.cache.get(key)
        if isinstance(known, int):
            return known
        if not isinstance(self.model, MayCount):
            count: int | None = self.model.count_tokens(text)
        else:
            count = self.model.exact_count(text)
        if count is None:
            return estimate_tokens(text)
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
