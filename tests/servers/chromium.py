"""A real browser without a window, driven over a pipe."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_LONGEST = 30.0
"""How many seconds to wait for what should come."""

_STARTING = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
"""Starts the browser with its pipes where it looks for them."""


def chromium() -> str:
    """Return the path of a browser; skip the test if there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip(f"There is no Chromium here ({', '.join(PROGRAMS)}). On Debian: apt-get install chromium.")
    return found


class Browser:
    """A browser with one page.

    `with Browser(folder) as page: page.open(url); page.run("document.title")`
    """

    def __init__(self, folder: Path, *, width: int = 1440, height: int = 900) -> None:
        self._folder = folder
        self._size = (width, height)
        self._numbers = 0
        self._rest = b""
        self.said: list[dict[str, Any]] = []
        """What the browser told of itself, such as requests and errors of the console."""

    def __enter__(self) -> Self:
        ours, theirs = os.pipe(), os.pipe()  # what the browser reads, and what it writes
        command = [
            chromium(), "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu",
            "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--hide-scrollbars",
            f"--user-data-dir={self._folder}", "about:blank",
        ]  # fmt: skip
        ends = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (ours[0], theirs[1])]
        starting = [sys.executable, "-c", _STARTING, *map(str, ends), *command]
        self._process = subprocess.Popen(starting, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in (ours[0], theirs[1], *ends):
            os.close(end)
        self._write, self._read = ours[1], theirs[0]
        page = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(*self._size)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, AssertionError):
            self._call("Browser.close")
        os.close(self._write)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Ask the page for something."""
        return self._call(method, session=self._session, **params)

    def resize(self, width: int, height: int, *, scale: float = 1, is_phone: bool = False) -> None:
        """Set the size of the page."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=is_phone
        )

    def dark(self, is_dark: bool = True) -> None:
        """Prefer dark colours."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def open(self, url: str) -> None:
        """Open an address, and wait until it is loaded."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Return the value of a script; what it promises is awaited."""
        reply = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until a script has a true value, and return it."""
        ends = time.monotonic() + _LONGEST
        while not (value := self.run(script)):
            assert time.monotonic() < ends, (
                f"{script} did not become true: {self.run('document.body.innerText')[:2000]}"
            )
            time.sleep(0.02)
        return value

    def press(self, key: str, *, ctrl: bool = False, shift: bool = False, alt: bool = False, code: int = 0) -> None:
        """Press a key."""
        modifiers = alt + 2 * ctrl + 8 * shift
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=modifiers, windowsVirtualKeyCode=code
            )

    def write(self, text: str) -> None:
        """Write into the control that has the focus."""
        self.call("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Save what the page looks like."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _call(self, method: str, session: str | None = None, **params: object) -> dict[str, Any]:
        self._numbers += 1
        message = {"id": self._numbers, "method": method, "params": params}
        os.write(self._write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("id") == self._numbers:
                assert "error" not in told, (method, told["error"])
                result: dict[str, Any] = told["result"]
                return result
            self.said.append(told)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        told: dict[str, Any] = json.loads(line)
        return told
