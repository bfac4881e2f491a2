"""A real server of frozen programs, in a thread of the test."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx

from cribsheet.cli._programs import open_program
from cribsheet.frozen import FrozenProgram, save
from cribsheet.models import Model
from cribsheet.serve.endpoints import Endpoint
from cribsheet.serve.engines import Engines, Wanted
from cribsheet.serve.options import Options
from cribsheet.serve.programs import Programs
from cribsheet.serve.running import Server, address_of, listen
from cribsheet.serve.serving import Serving
from cribsheet.workspace import Workspace, builtin


class CompiledServer:
    """Serves frozen programs on a free port, all answered by one model.

    `with CompiledServer({"toy": program}, model, folder) as server: httpx.get(server.address)`
    """

    def __init__(
        self,
        programs: Mapping[str, FrozenProgram],
        model: Model,
        folder: Path,
        *,
        options: Options | None = None,
        workspace: Workspace | None = None,
        further: Callable[[Serving], Sequence[Endpoint]] = lambda serving: (),
    ) -> None:
        self.files = {name: folder / f"{name}.prompt.json" for name in programs}
        for name, program in programs.items():
            save(program, self.files[name])
        options = options or Options()
        engines = Engines(lambda frozen: Wanted("one", lambda: model), parallel=options.parallel, queue=options.queue)
        place = workspace or builtin()
        loaded = Programs(list(self.files.values()), lambda path: open_program(path, place), engines)
        self.serving = Serving(options, loaded, engines)
        self._listening = listen("127.0.0.1", 0)
        self.address = address_of(self._listening)
        self._server = Server(self.serving, further=further(self.serving))
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],))

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._thread.join(30)
        self._listening.close()

    def stop(self) -> None:
        """Tell the server to stop, as a signal would."""
        if self._thread.is_alive():
            self._server.stop_soon()

    def client(self, **options: object) -> httpx.Client:
        """Return a client of the server."""
        return httpx.Client(base_url=self.address, timeout=30, trust_env=False, **options)

    def post(self, path: str, body: object, **options: object) -> httpx.Response:
        """Send one JSON body."""
        with self.client() as client:
            return client.post(path, json=body, **options)

    def get(self, path: str, **options: object) -> httpx.Response:
        """Ask for one path."""
        with self.client() as client:
            return client.get(path, **options)


def ask(server: CompiledServer) -> httpx.Response:
    """Ask the program `toy` for one row."""
    return server.post("/v1/programs/toy", {"inputs": {"text": "lovely"}})


def slots(server: CompiledServer) -> tuple[int, int]:
    """Return how many slots of a server's model are taken, and how many requests wait."""
    found = server.serving.engines.all()[0].slots
    return found.taken, found.waiting


def wait_until(is_true: object, *, seconds: float = 10) -> None:
    """Wait until a condition holds; fail if it does not in time."""
    ends = time.monotonic() + seconds
    while not is_true():  # type: ignore[operator]
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)
