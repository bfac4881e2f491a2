"""A process that forks after it used a model: both sides answer, and both end."""

import importlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import pytest
from engines import WrittenEngine
from ollama_server import OllamaServer
from openai_server import OpenAIServer
from stand_in import StandIn, Switches

from cribsheet.errors import ModelError
from cribsheet.models import Sampling, forks
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.models.litellm import LiteLLMModel
from cribsheet.models.ollama import OllamaModel
from cribsheet.models.retry import Retrying
from cribsheet.prompts import Prompt

PROMPT = Prompt(text="Review: lovely\nSentiment:")
PREPARED = """
    import multiprocessing, os, sys, threading
    from cribsheet.models import Sampling
    from cribsheet.models.embedded import EmbeddedModel
    from cribsheet.prompts import Prompt

    model = EmbeddedModel("embedded/smollm2-135m")
    prompt = Prompt(text="The capital of France is")
    sampling = Sampling(max_tokens=4, top_logprobs=2)

    def said():
        completion = model.complete(prompt, sampling)
        return completion.text, completion.first_token
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own; a process that hangs fails here, instead of holding up the tests."""
    source = textwrap.dedent(PREPARED) + textwrap.dedent(code)
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.model
@pytest.mark.parametrize("uses", [True, False])
def test_a_forked_child_answers_as_its_parent_does_and_ends_with_its_own_exit_code(uses: bool) -> None:
    done = run(f"""
        first = said()
        child = os.fork()
        if child == 0:
            sys.exit(7 if not {uses} or said() == first else 8)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert said() == first
        print("both")
    """)
    assert done.stdout.strip() == "both", done.stderr


@pytest.mark.model
def test_workers_of_multiprocessing_answer_side_by_side_while_their_parent_does() -> None:
    done = run("""
        first = said()
        fork = multiprocessing.get_context("fork")
        told = fork.Queue()
        workers = [fork.Process(target=lambda: told.put(said() == first)) for _ in range(2)]
        for worker in workers:
            worker.start()
        assert said() == first
        assert all(told.get(timeout=50) for _ in workers)
        for worker in workers:
            worker.join(50)
        print([worker.exitcode for worker in workers])
    """)
    assert done.stdout.strip() == "[0, 0]", done.stderr


@pytest.mark.model
def test_a_fork_while_another_thread_is_answered_waits_for_that_answer() -> None:
    done = run("""
        first, answers = said(), []
        thread = threading.Thread(target=lambda: answers.extend(said() for _ in range(6)))
        thread.start()
        child = os.fork()
        if child == 0:
            os._exit(0 if said() == first else 8)
        thread.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        print(len(answers), set(text for text, _ in answers) == {first[0]})
    """)
    assert done.stdout.strip() == "6 True", done.stderr


class Engine:
    """Counts how often it was freed."""

    def __init__(self) -> None:
        self.freed = 0
        self.lock = threading.Lock()

    def forget_engine(self) -> None:
        assert self.lock.locked()
        self.freed += 1


class Connections:
    """Counts how often they were dropped."""

    dropped = 0

    def forget_connections(self) -> None:
        self.dropped += 1


def forked(exit_code: Callable[[], int]) -> int:
    """Return the exit code of a forked child, which the child works out; a child that hangs is ended."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            os._exit(exit_code())
        except BaseException:  # noqa: BLE001 - the child must not go on with the tests
            traceback.print_exc()
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_engines_are_freed_on_both_sides_and_their_locks_are_free_again() -> None:
    engine = Engine()
    forks.free_before_fork(engine, engine.lock)
    assert forked(lambda: engine.freed * 10 + engine.lock.locked()) == 10
    assert (engine.freed, engine.lock.locked()) == (1, False)


def test_connections_are_dropped_in_the_child_alone() -> None:
    connections = Connections()
    forks.forget_in_child(connections)
    assert forked(lambda: connections.dropped) == 1
    assert connections.dropped == 0


def connections(model: object) -> object:
    return getattr(model, "_clients", None) or getattr(model, "_client", None)


@pytest.mark.parametrize("kind", [OllamaModel, LiteLLMModel])
def test_a_child_opens_connections_of_its_own_to_a_server(kind: type[OllamaModel] | type[LiteLLMModel]) -> None:
    server, name, path = (
        (OllamaServer(WrittenEngine()), "ollama/smollm", "")
        if kind is OllamaModel
        else (OpenAIServer(), "openai/x", "/v1")
    )
    prompt = Prompt(text="The film was")
    with server:
        model = kind(name, api_base=server.url + path)
        model.complete(prompt, Sampling())
        client = connections(model)
        assert forked(
            lambda: int(model.complete(prompt, Sampling()).text == " positive" and connections(model) is not client)
        )
        assert connections(model) is client


def held_up(server: StandIn, ask: Callable[[], object], *, threads: int) -> None:
    """Start threads that ask, and return when all of them wait for the server, which never answers."""
    for _ in range(threads):
        threading.Thread(target=lambda: _quietly(ask), daemon=True).start()
    while len([request for request in server.requests if "complet" in request.path]) < threads:
        time.sleep(0.01)


def _quietly(ask: Callable[[], object]) -> None:
    with suppress(ModelError):  # the server closes when the test ends
        ask()


def test_a_child_asks_although_its_parents_requests_take_all_places() -> None:
    with StandIn(Switches(hangs_after=0)) as server:
        model = Retrying(LiteLLMModel("openai/model", api_base=f"{server.url}/v1", parallel=2))
        held_up(server, lambda: model.complete(PROMPT, Sampling()), threads=2)
        server.switches = Switches()
        assert forked(lambda: int(model.under_way == [] and model.complete(PROMPT, Sampling()).text != "")) == 1


def test_a_child_asks_for_what_its_parent_is_just_asking_for(tmp_path: Path) -> None:
    with StandIn(Switches(hangs_after=0)) as server:
        served = LiteLLMModel("openai/model", api_base=f"{server.url}/v1")
        model = CachedModel(served, CompletionCache(tmp_path))
        model.start()
        held_up(server, lambda: model.complete(PROMPT, Sampling()), threads=1)
        server.switches = Switches()
        assert forked(lambda: int(model.complete(PROMPT, Sampling()).text != "")) == 1


class Lazy:
    """Has a cached property that never ends in the parent."""

    def __init__(self) -> None:
        self.is_child = False
        self.begun, self.never = threading.Event(), threading.Event()
        forks.renew_in_child(self, "is_child", lambda: True)

    @cached_property
    def value(self) -> int:
        self.begun.set()
        if not self.is_child:
            self.never.wait()
        return 1


def test_a_cached_property_that_the_parent_is_just_finding_is_found_by_the_child() -> None:
    lazy = Lazy()
    threading.Thread(target=lambda: lazy.value, daemon=True).start()
    lazy.begun.wait()
    assert forked(lambda: lazy.value) == 1
    lazy.never.set()


def test_a_module_that_the_parent_is_just_importing_is_imported_by_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_imported.py").write_text(
        f"import os, threading\nbegun = threading.Event()\nif os.getpid() == {os.getpid()}:\n"
        "    half = threading.Event()\n    begun.set()\n    half.wait()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    threading.Thread(target=lambda: importlib.import_module("half_imported"), daemon=True).start()
    while not hasattr(sys.modules.get("half_imported"), "half"):
        time.sleep(0.01)
    sys.modules["half_imported"].begun.wait()
    assert forked(lambda: int(importlib.import_module("half_imported").begun.is_set() is False)) == 1
    sys.modules["half_imported"].half.set()
