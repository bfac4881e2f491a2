"""LiteLLM's proxy as a process, from the environment that `make .venv/proxy/bin/litellm` makes for it."""

import os
import secrets
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

COMMAND = Path(__file__).resolve().parents[2] / ".venv" / "proxy" / "bin" / "litellm"
_PATIENCE = 120.0
"""Seconds until the proxy must answer."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that answers requests."""

    url: str
    """Its address, without a path."""
    key: str
    """The master key that it asks for."""


@contextmanager
def litellm_proxy(settings: Path, *, command: Path = COMMAND) -> Iterator[Proxy]:
    """Run the proxy with a configuration file inside a `with` block.

    Raises:
        RuntimeError: if it ends or says nothing for two minutes; the message holds the end of its output.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    proxy = Proxy(url=f"http://127.0.0.1:{port}", key=f"sk-{secrets.token_hex(32)}")
    here = {"NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": proxy.key}
    log = settings.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command, "--config", settings.name, "--host", "127.0.0.1", "--port", str(port)],
            cwd=settings.parent,
            env=os.environ | here,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_for(f"{proxy.url}/health/liveliness", process, log)
        yield proxy
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            with direct.open(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"LiteLLM's proxy does not answer at {url}: {log.read_text(errors='replace')[-2000:]}")
