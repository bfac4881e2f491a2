"""Servers that the tests ask."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from compiled_server import CompiledServer

from cribsheet.frozen import FrozenProgram
from cribsheet.models import Model
from cribsheet.serve.options import Options
from frozen_toys import toy_program, toy_prompt
from serve_toys import decider, guarded, mood, unsure
from toys import QA

Serve = Callable[..., CompiledServer]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers that end with the test."""
    with ExitStack() as stack:

        def start(
            programs: dict[str, FrozenProgram] | None = None, model: Model | None = None, **options: object
        ) -> CompiledServer:
            programs = programs or {"toy": toy_program()}
            folder = tmp_path / f"server{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            server = CompiledServer(programs, model or mood(), folder, options=Options(**options))
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompiledServer]:
    """One server with programs of several kinds, for tests that leave it as it is."""
    programs = {
        "toy": toy_program(),
        "qa": toy_program(toy_prompt(QA)),
        "decider": decider(),
        "unsure": unsure(),
        "guarded": guarded(),
    }
    with CompiledServer(programs, mood(), tmp_path_factory.mktemp("served")) as running:
        yield running
