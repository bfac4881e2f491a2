"""Tell requests apart: the key under which a completion is cached, remembered and charged."""

import hashlib
import json
import threading
from weakref import WeakValueDictionary

from cribsheet.models._base import Model, Sampling
from cribsheet.prompts import Prompt

FORMAT = 1
"""Part of every key; raise it when the keys or the stored values change their meaning."""


def completion_key(model: Model, prompt: Prompt, sampling: Sampling) -> str:
    """Return the key of a request: model, digest, endpoint, the exact prompt and every sampling parameter."""
    # Most prompts have no question, and no beginning of an answer.
    asked = prompt.model_dump(mode="json", exclude_none=True, exclude=None if prompt.begun else {"begun"})
    return request_key(model, prompt=asked, sampling=sampling.model_dump(mode="json"))


def request_key(model: Model, **request: object) -> str:
    """Return the key of anything that a model can be asked; `request` holds JSON values."""
    parts = {
        "format": FORMAT,
        "model": model.name,
        "digest": model.digest,
        "endpoint": model.endpoint,
        **request,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class KeyLocks:
    """A lock for each key, so that what several threads want at once is asked for once."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._guard = threading.Lock()

    def of(self, key: str) -> threading.Lock:
        """Return the key's lock; it lives as long as someone holds it."""
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())
