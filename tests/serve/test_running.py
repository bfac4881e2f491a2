"""A server that is told to stop answers what is in progress and refuses the rest in words."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from compiled_server import CompiledServer, ask, slots, wait_until
from engines import WrittenEngine
from ollama_server import OllamaServer

from cribsheet.errors import ServeError
from cribsheet.frozen import FrozenProgram, save
from cribsheet.serve.running import address_of, listen
from frozen_toys import toy_program
from serve_toys import HeldModel

ROW = '{"inputs": {"text": "x"}}'


def test_what_is_in_progress_is_answered_and_the_rest_refused(serve: Callable[..., CompiledServer]) -> None:
    model = HeldModel()
    server = serve(model=model)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(ask, server) for _ in range(3)]
        wait_until(lambda: slots(server) == (1, 2))
        server.stop()
        wait_until(lambda: server.get("/ready").status_code == 503)
        assert server.get("/ready").json()["status"] == "stopping"
        late = ask(server)
        assert (late.status_code, late.json()["error"]["type"]) == (503, "stopping")
        assert (late.headers["Retry-After"], late.headers["Connection"]) == ("1", "close")
        model.go.set()
        assert [one.result().status_code for one in asked] == [200] * 3


def test_after_the_grace_the_rest_is_refused_in_words(serve: Callable[..., CompiledServer]) -> None:
    model = HeldModel()
    server = serve(model=model, grace=0.2)
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, server) for _ in range(2)]
        wait_until(lambda: slots(server) == (1, 1))
        server.stop()
        replies = [one.result() for one in asked]
        assert [(reply.status_code, reply.json()["error"]["type"]) for reply in replies] == [(503, "stopping")] * 2
        model.go.set()


def test_a_port_in_use_and_a_host_of_others_are_told() -> None:
    taken = listen("127.0.0.1", 0)
    with pytest.raises(ServeError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])
    taken.close()
    with pytest.raises(ServeError, match="Choose others with --host"):
        listen("no.such.host.example", 0)


def test_a_server_listens_on_ipv6_too() -> None:
    try:
        listening = listen("::1", 0)
    except ServeError:
        pytest.skip("This machine has no IPv6.")
    assert address_of(listening).startswith("http://[::1]:")
    listening.close()


class Process:
    """`cribsheet serve` as a process of its own, with a model behind Ollama's API."""

    def __init__(self, file: Path, ollama: OllamaServer, *options: str) -> None:
        command = [sys.executable, "-m", "cribsheet", "serve", str(file), "--port", "0", *options]
        self.process = subprocess.Popen(
            [*command, "--model", "ollama_chat/smollm", "--api-base", ollama.url],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        first = self.process.stderr.readline()
        self.address = first.partition(" at ")[2].partition(". ")[0]

    def end(self, sig: int) -> tuple[int, str]:
        """Send a signal; return the exit code and the rest of the log."""
        self.process.send_signal(sig)
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    with OllamaServer(WrittenEngine(), delay=0.05) as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    program: FrozenProgram = toy_program()
    save(program, tmp_path / "toy.prompt.json")
    return tmp_path / "toy.prompt.json"


@pytest.mark.slow
def test_sigterm_amid_fifty_requests_answers_or_refuses_each(file: Path, ollama: OllamaServer) -> None:
    server = Process(file, ollama)
    answered = threading.Event()

    def one(number: int) -> str:
        time.sleep(number * 0.02)
        connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=30)
        try:
            connection.request("POST", "/v1/programs/toy", ROW, {"Content-Type": "application/json"})
        except ConnectionRefusedError:
            return "no connection"
        reply = connection.getresponse()
        answered.set()
        return f"{reply.status} {json.load(reply).get('error', {}).get('type', '')}"

    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(one, number) for number in range(50)]
        answered.wait(20)
        code, log = server.end(signal.SIGTERM)
        told = [each.result() for each in asked]
    assert code == 0, log
    assert set(told) <= {"200 ", "503 stopping", "no connection"}
    assert "200 " in told
    assert "stopping: " in log
    assert "Traceback" not in log


def test_ctrl_c_stops_the_server(file: Path, ollama: OllamaServer) -> None:
    server = Process(file, ollama)
    assert httpx.get(f"{server.address}/health", trust_env=False).status_code == 200
    code, log = server.end(signal.SIGINT)
    assert code == 130, log
    assert log.rstrip().endswith("Stopped by Ctrl-C.")


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_second_signal_ends_the_server_at_once_and_without_a_traceback(file: Path, is_asked: bool) -> None:
    with OllamaServer(WrittenEngine(), delay=3.0) as slow:
        server = Process(file, slow)
        connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=30)
        connection.request("GET", "/health")  # for 0.3 seconds after a request, a stopping server waits for another
        connection.getresponse().read()
        if is_asked:
            connection.request("POST", "/v1/programs/toy", ROW, {"Content-Type": "application/json"})
            wait_until(lambda: slow.prompts)
        server.process.send_signal(signal.SIGINT)
        assert server.process.stderr
        while "stopping: " not in (line := server.process.stderr.readline()):
            assert line
        code, log = server.end(signal.SIGINT)
        connection.close()
    assert code == 130
    assert "Traceback" not in log
    assert log.rstrip().endswith("ended at once by a second signal")


@pytest.mark.slow
def test_the_log_of_the_process_shows_no_input(file: Path, ollama: OllamaServer) -> None:
    server = Process(file, ollama)
    url = f"{server.address}/v1/programs/toy"
    httpx.post(url, json={"inputs": {"text": "s3cret"}}, trust_env=False)
    httpx.post(url, content=b'{"inputs": s3cret', trust_env=False)
    httpx.get(f"{server.address}/s3cret?s3cret", trust_env=False)
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"s3cret\r\n\r\n")
        connection.recv(1000)
    _, log = server.end(signal.SIGTERM)
    assert " POST /v1/programs/{name} toy 200 " in log
    assert "s3cret" not in log
