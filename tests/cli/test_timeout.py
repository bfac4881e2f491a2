"""A server that accepts requests but never answers: every command tells it in the time of two requests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from stand_in import StandIn, Switches

from toys import sentiment_rows, write_rows

Run = Callable[..., Result]
COMMANDS = {
    "ask": ("ask", "toy.prompt.json", "--text", "x"),
    "check": ("check", "toy.prompt.json"),
    "evaluate": ("evaluate", "toy.prompt.json", "--data", "rows.jsonl"),
    "optimize": ("optimize", "toy", "--out", "other.prompt.json"),
    "doctor": ("doctor",),
    "verify": ("export", "toy.prompt.json", "--to", "openai", "--out", "request.json", "--verify"),
}


@pytest.fixture
def hanging() -> Iterator[StandIn]:
    with StandIn(Switches(hangs_after=0)) as server:
        yield server


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("model", ["openai/model", "ollama/model"])
def test_a_request_takes_no_longer_than_the_timeout(
    run: Run, compiled: Path, folder: Path, hanging: StandIn, name: str, model: str
) -> None:
    write_rows(folder / "rows.jsonl", sentiment_rows()[:3])
    base = hanging.url + ("" if model.startswith("ollama") else "/v1")
    result = run(*COMMANDS[name], "--model", model, "--api-base", base, "--timeout", "0.3")
    assert result.exit_code == 1
    if name == "verify":
        assert "gave no answer within 0.3 seconds" in result.stderr
        return
    assert "in time" in result.stderr
    assert "Asking once more." in result.stderr
    assert "Gave up after 2 attempts" in result.stderr
    assert "give each request more time with --timeout." in result.stderr


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "ask"])  # it reads the file first
@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e400", "1e10", "soon"])
def test_a_time_that_no_request_can_take_is_wrong_usage(run: Run, folder: Path, name: str, seconds: str) -> None:
    result = run(*COMMANDS[name], "--model", "openai/model", "--timeout", seconds)
    assert result.exit_code == 2
    assert "--timeout" in result.stderr
