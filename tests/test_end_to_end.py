"""The main job, as a user does it: the commands, the embedded model, a real disk."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import cribsheet
from cribsheet.models.cache import CompletionCache
from cribsheet.workspace import new_workspace

BIN = Path(sys.executable).parent
BUDGET = "6k"
pytestmark = [pytest.mark.model, pytest.mark.slow, pytest.mark.timeout(600)]


def optimize(folder: Path, *options: str) -> dict[str, Any]:
    command = [BIN / "optimize", "sentiment", "--json", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def workspace(path: Path) -> Path:
    return new_workspace(path).root


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A workspace with a compiled task, and what the command told."""
    folder = workspace(tmp_path_factory.mktemp("compiled") / "ws")
    return folder, optimize(folder, "--budget", BUDGET)


def test_a_small_budget_buys_a_frozen_prompt_that_answers_and_costs_nothing_again(
    compiled: tuple[Path, dict[str, Any]],
) -> None:
    folder, first = compiled
    assert first["evaluated_tokens"] + first["completion_tokens"] <= 6000
    assert first["baseline"]["n"] == first["compiled"]["n"] >= 10
    before = (folder / first["out"]).read_bytes()
    program = cribsheet.load(folder / first["out"])
    assert program(text="An utter waste of an evening.").sentiment in ("negative", "positive")
    again = optimize(folder, "--budget", BUDGET, "--out", "again.prompt.json")
    assert (folder / "again.prompt.json").read_bytes() == before
    assert again["calls"] == 0 < again["cached_calls"]


def test_a_compile_that_was_killed_ends_with_the_same_file_and_pays_for_the_rest_alone(
    compiled: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    one, whole = compiled
    other = workspace(tmp_path / "other")
    half = whole["calls"] // 2
    running = subprocess.Popen(
        [BIN / "optimize", "sentiment", "--budget", BUDGET],
        cwd=other,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while CompletionCache(other / "cache").stats().entries < half:
        assert running.poll() is None
        time.sleep(0.2)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    resumed = optimize(other, "--budget", BUDGET)
    assert (other / resumed["out"]).read_bytes() == (one / whole["out"]).read_bytes()
    assert resumed["calls"] < whole["calls"]
    assert resumed["calls"] + resumed["cached_calls"] >= whole["calls"]


@pytest.mark.timeout(900)
def test_grounded_answers_gain_over_zero_shot_and_abstain_off_topic(tmp_path: Path) -> None:
    folder = workspace(tmp_path / "ws")
    command = [BIN / "optimize", "grounded_qa", "--budget", "20k", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["gain"]["low"] > 0
    program = cribsheet.load(folder / "grounded_qa.prompt.json")
    gravity = "Gravity is the force that pulls bodies towards each other. It keeps the planets on their orbits."
    assert program(question="Who was Anne Frank?", context=gravity).answer == cribsheet.Unanswerable()
