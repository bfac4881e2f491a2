"""Import Ollama's client library whatever the environment holds."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

_importing = threading.Lock()


def import_ollama() -> ModuleType:
    """Return the package `ollama`.

    When it is imported, it opens a client for OLLAMA_HOST and the environment's proxies, through which nothing is ever
    asked here. So these variables are hidden meanwhile: what they hold must not matter to another address.
    """
    with _importing:
        if "ollama" in sys.modules:
            return sys.modules["ollama"]
        with _hidden():
            return import_module("ollama")  # takes 0.2 seconds, which embedded models need not spend


@contextmanager
def _hidden() -> Iterator[None]:
    names = [name for name in os.environ if name.lower().endswith("_proxy") or name in ("OLLAMA_HOST", "SSL_CERT_FILE")]
    held = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(held)
