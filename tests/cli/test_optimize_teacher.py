"""`optimize --teacher` draws demos from another model's right answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from engines import WrittenEngine
from ollama_server import OllamaServer

from cribsheet.frozen.sealing import read

Run = Callable[..., Result]


@pytest.fixture
def teacher() -> Iterator[OllamaServer]:
    """A second server, which calls every text negative."""
    with OllamaServer(WrittenEngine(" negative")) as server:
        yield server


@pytest.fixture
def optimize(run: Run, server: OllamaServer, teacher: OllamaServer) -> Run:
    """Compile with a student and a teacher on servers that answer at once."""

    def optimize(*args: object) -> Result:
        student = ("--model", "ollama_chat/smollm", "--api-base", server.url)
        taught = ("--teacher", "ollama_chat/smollm", "--teacher-api-base", teacher.url)
        return run("optimize", "toy", *student, *taught, "--optimizer", "bootstrap", "--budget", "600calls", *args)

    return optimize


@pytest.mark.slow
def test_the_teacher_is_asked_at_its_own_address_and_named_in_the_file(
    optimize: Run, teacher: OllamaServer, folder: Path
) -> None:
    result = optimize()
    assert result.exit_code == 0, result.stderr
    assert len(teacher.prompts) > 20
    taught = read(folder / "toy.prompt.json").provenance.taught
    assert taught is not None
    assert f"ollama_chat/smollm, {taught.traces} traces passed" in result.stdout
    assert "bootstrapping demonstrations" in result.stderr
    assert [path.name for path in folder.glob("*.jsonl")] == ["toy.test.jsonl"]  # no traces


@pytest.mark.slow
def test_traces_are_kept_where_they_are_wanted_and_reused(optimize: Run, teacher: OllamaServer, folder: Path) -> None:
    first = json.loads(optimize("--traces", "kept/toy.jsonl", "--json").stdout)
    asked = len(teacher.prompts)
    lines = [json.loads(line) for line in (folder / "kept" / "toy.jsonl").read_text().splitlines()]
    assert len(lines) == first["taught"]["traces"]
    assert {line["outputs"]["sentiment"] for line in lines} == {"negative"}
    again = json.loads(optimize("--traces", "kept/toy.jsonl", "--json").stdout)
    assert again["taught"] == first["taught"]
    assert len(teacher.prompts) == asked


@pytest.mark.slow
def test_what_the_teacher_never_manages_is_told_of(optimize: Run, teacher: OllamaServer) -> None:
    teacher.engine = WrittenEngine(" maybe")
    result = optimize("--samples", "1", "--reasoning")
    assert result.exit_code == 0, result.stderr
    assert "Note: No run of the teacher passed the metric" in result.stderr
    assert "Note: There are no rationales" in result.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--teacher-api-base", "http://localhost:1"), "Name one with --teacher"),
        (("--samples", "0"), "--samples"),
        (("--threshold", "0"), "--threshold"),
        (("--traces", "."), "is a directory"),
    ],
)
def test_misuse_is_refused(run: Run, args: tuple[str, ...], says: str) -> None:
    result = run("optimize", "toy", *args)
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.slow
def test_a_teacher_that_is_not_there_ends_it_in_words(run: Run, server: OllamaServer, folder: Path) -> None:
    student = ("--model", "ollama_chat/smollm", "--api-base", server.url, "--budget", "400calls")
    result = run("optimize", "toy", *student, "--teacher", "ollama_chat/absent", "--teacher-api-base", server.url)
    assert result.exit_code == 1
    assert "The teacher ollama_chat/absent failed in each of the first" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "toy.prompt.json").exists()
