"""Compute the key that identifies a request in the caches, the ledger and the locks."""

import hashlib
import json
import threading
from weakref import WeakValueDictionary

from cribsheet.models import forks
from cribsheet.models._base import HOLDS, Model, Sampling
from cribsheet.prompts import Prompt

FORMAT = 1
"""Part of every key. Raise it when the meaning of the keys or of the stored values changes."""


def completion_key(model: Model, prompt: Prompt, sampling: Sampling) -> str:
    """Return the key of a completion: a hash of model, digest, endpoint, exact prompt and all sampling parameters.

    A `CachedModel` adds everything else that can change an answer; see its `circumstances`.
    """
    # Most prompts have neither a question nor a begun answer, so those fields are left out if empty.
    asked = prompt.model_dump(mode="json", exclude_none=True, exclude=None if prompt.begun else {"begun"})
    settings = sampling.model_dump(mode="json", exclude={name for name in HOLDS if not getattr(sampling, name)})
    return request_key(model, prompt=asked, sampling=settings)


def request_key(model: Model, **request: object) -> str:
    """Return the key of any request to a model, such as a completion or a token count; `request` is JSON values."""
    parts = {
        "format": FORMAT,
        "model": model.name,
        "digest": model.digest,
        "endpoint": model.endpoint,
        **getattr(model, "circumstances", {}),
        **request,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class KeyLocks:
    """One lock per key, so that a request which several threads make at the same time is sent once."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._guard = threading.Lock()
        forks.renew_in_child(self, "_guard", threading.Lock)
        forks.renew_in_child(self, "_locks", WeakValueDictionary)

    def of(self, key: str) -> threading.Lock:
        """Return the key's lock, which exists as long as someone refers to it."""
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())
