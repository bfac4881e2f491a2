"""`cribsheet serve` checks its options before it listens."""

import logging
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from cribsheet.serve.running import Server

Run = Callable[..., Result]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Server]:
    """Replace the run of a server by noting it, so that the command ends."""
    servers: list[Server] = []

    def run(server: Server, sockets: list[socket.socket] | None = None) -> None:
        servers.append(server)
        server.started = True
        server._on_start()

    monkeypatch.setattr(Server, "run", run)
    yield servers  # type: ignore[misc]
    for name in ("cribsheet.serve", "uvicorn"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def test_it_tells_what_it_serves_and_where(run: Run, served: Path, started: list[Server]) -> None:
    result = run("serve", served, "--port", "0")
    assert result.exit_code == 0, result.stderr
    assert result.stderr.startswith(f"Serving {served.name.removesuffix('.prompt.json')} at http://127.0.0.1:")
    assert "Warning" not in result.stderr


def test_it_warns_if_other_machines_can_ask_without_a_key(
    run: Run, served: Path, started: list[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("serve", served, "--port", "0", "--host", "0.0.0.0")
    assert "Warning: other machines can ask without a key" in result.stderr
    monkeypatch.setenv("CRIBSHEET_SERVE_KEYS", "one two")
    result = run("serve", served, "--port", "0", "--host", "0.0.0.0")
    assert "Warning" not in result.stderr
    assert started[-1]._serving.options.keys == ("one", "two")


def test_a_broken_file_a_taken_port_and_a_file_without_keys_end_it(
    run: Run, served: Path, folder: Path, started: list[Server]
) -> None:
    (folder / "keys").write_text("\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, reason in (
            ((served, "--port", str(port)), "cannot listen at 127.0.0.1"),
            ((served, "--key-file", "keys"), "has no key"),
            ((served, served), "would both be called"),
            (("nix.prompt.json",), "There is no file"),
        ):
            result = run("serve", *arguments)
            assert result.exit_code == 1
            assert reason in result.stderr


def test_without_its_packages_it_names_the_extra(run: Run, served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith(("starlette", "cribsheet.serve"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "starlette", None)
    result = run("serve", served)
    assert result.exit_code == 1
    assert 'pip install "cribsheet[serve]"' in result.stderr
