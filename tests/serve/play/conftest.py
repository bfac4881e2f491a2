"""A server with the page, answered by a scripted model."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from compiled_server import CompiledServer

from cribsheet.corrections import Guard
from cribsheet.corrections.calibration import Calibration
from cribsheet.dataset.examples import Row
from cribsheet.frozen import FrozenProgram, read, save
from cribsheet.frozen.tested import TestedRow, hash_of, path_beside, to_lines
from cribsheet.models import Model
from cribsheet.outcomes import Unanswerable
from cribsheet.serve.play.routes import play_endpoints
from cribsheet.signature import Field, Signature
from frozen_toys import toy_program, toy_prompt
from serve_toys import decider, guarded, mood

Play = Callable[..., CompiledServer]

TYPED = Signature(
    name="Typed",
    instructions="Judge.",
    inputs=(Field(name="text"), Field(name="stars", kind="integer"), Field(name="is_new", kind="boolean")),
    outputs=(
        Field(name="sentiment", kind="label", labels=("negative", "positive"), abstains=True),
        Field(name="price", kind="number"),
    ),
)
SUMS = Signature(
    name="Sums",
    instructions="Add up.",
    inputs=(
        Field(name="number", kind="integer"),
        Field(name="limit", kind="integer", has_default=True, default=5),
        Field(name="hint", abstains=True, optional=True, has_default=True),
    ),
    outputs=(Field(name="total", kind="integer"), Field(name="best", kind="integer", abstains=True, optional=True)),
)
INPUTS = {"question": "Where was it?", "context": "It was in Rome, not in rome2rio."}


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Start servers with the page, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def start(
            programs: dict[str, FrozenProgram] | None = None, model: Model | None = None, rows: Path | None = None
        ) -> CompiledServer:
            programs = programs or _programs()
            server = CompiledServer(
                programs, model or mood(), tmp_path, further=lambda serving: play_endpoints(serving, rows)
            )
            return stack.enter_context(server)

        yield start


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompiledServer]:
    """One server with the page, for tests that keep no row."""
    folder = tmp_path_factory.mktemp("page")
    with CompiledServer(
        _programs(), mood(), folder, further=lambda serving: play_endpoints(serving, folder / "rows.jsonl")
    ) as server:
        yield server
        assert not (folder / "rows.jsonl").exists()


def _programs() -> dict[str, FrozenProgram]:
    return {"qa": guarded(), "mood": calibrated(), "typed": toy_program(toy_prompt(TYPED))}


def calibrated() -> FrozenProgram:
    """Return a program whose calibration moves the shares."""
    program = decider()
    (prompt,) = program.prompts.values()
    corrected = prompt.with_corrections(Calibration(biases={"negative": -2.0, "positive": -0.1}))
    return program.model_copy(update={"prompts": {"predict": corrected}})


def off_topic() -> FrozenProgram:
    """Return a program whose guard asks no model if the context has nothing of the question."""
    program = guarded()
    (prompt,) = program.prompts.values()
    guard = prompt.correction(Guard)
    assert guard
    prompt = prompt.with_corrections(guard.model_copy(update={"least_coverage": 0.5}))
    return program.model_copy(update={"prompts": {"predict": prompt}})


def with_test_rows(folder: Path, name: str, program: FrozenProgram) -> FrozenProgram:
    """Write test rows beside the file that the program will have, and return the program that names them."""
    signature = next(iter(program.prompts.values())).signature
    rows = [
        Row(INPUTS, {"answer": ("Rome", "in Rome")}),
        Row({"question": "Who?", "context": "It rained."}, {"answer": (Unanswerable(reason="It rained."),)}),
    ]
    assert signature.name == "GroundedQA"
    lines = to_lines(TestedRow.of(row, {"runtime": 1.0}) for row in rows)
    path = folder / f"{name}.prompt.json"
    results = program.results.model_copy(update={"tested": hash_of(lines)})
    path_beside(path).write_text(lines, encoding="utf-8")
    save(program.model_copy(update={"results": results}), path)
    return read(path)
