"""Frozen files, rows, a server that answers at once, and a way to run commands."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from engines import WrittenEngine
from ollama_server import OllamaServer

from cribsheet.cli._root import cli
from cribsheet.corrections.calibration import Calibration
from cribsheet.dataset.examples import Demo
from cribsheet.frozen import Decoding, FrozenProgram, FrozenPrompt, ModelIdentity
from cribsheet.frozen.sealing import save
from cribsheet.models import WAYS
from cribsheet.outcomes import Unanswerable
from cribsheet.workspace import new_workspace
from frozen_toys import toy_program, toy_prompt
from toys import QA, SENTIMENT, sentiment_rows, student_model, write_rows

Run = Callable[..., Result]

EMBEDDED = ModelIdentity(
    name="embedded/smollm2-135m",
    digest="sha256:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
SENTIMENT_DEMOS = (
    Demo(inputs={"text": "A joy from start to finish."}, outputs={"sentiment": "positive"}),
    Demo(inputs={"text": "All style, not one idea."}, outputs={"sentiment": "negative"}),
)
QA_DEMOS = (
    Demo(inputs={"question": "Who won?", "context": "Rovers won, 3-2."}, outputs={"answer": "Rovers"}),
    Demo(inputs={"question": "Who won?", "context": "It rained."}, outputs={"answer": Unanswerable()}),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of its own, in which commands run: a task `toy` and its rows."""
    root = new_workspace(tmp_path / "ws").root
    write_rows(root / "trainsets" / "toy.jsonl", sentiment_rows())
    (root / "programs" / "toy.py").write_text(
        '"""A toy."""\nfrom cribsheet import Task, label_accuracy\nfrom signatures.sentiment import Sentiment\n\n'
        'task = Task(Sentiment, metric=label_accuracy, trainset="toy.jsonl")\n'
    )
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def run(folder: Path) -> Run:
    """Run `cribsheet` in this process; an exception that is no exit is a failure of the test."""

    def run(*args: object, **options: Any) -> Result:
        return CliRunner(catch_exceptions=False).invoke(cli, [str(arg) for arg in args], **options)

    return run


@pytest.fixture
def start(folder: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start an installed command in a process of its own."""

    def start(name: str, *args: object, **options: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(Path(sys.executable).with_name(name)), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **options.pop("env", {})},
            **options,
        )

    return start


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    """Ollama's API in front of a written answer, " positive"."""
    with OllamaServer(WrittenEngine()) as server:
        yield server


@pytest.fixture
def served(folder: Path, server: OllamaServer) -> Path:
    """A file for a sentiment that the server answers at once."""
    model = ModelIdentity(name="ollama_chat/smollm", digest=None, endpoint=server.url)
    return write(folder, toy_program().model_copy(update={"model": model}), "served")


@pytest.fixture
def served_qa(folder: Path, server: OllamaServer) -> Path:
    """A file for grounded questions, all of which the server calls unanswerable."""
    server.engine = WrittenEngine(" unanswerable")
    model = ModelIdentity(name="ollama_chat/smollm", digest=None, endpoint=server.url)
    return write(folder, toy_program(toy_prompt(QA, demos=QA_DEMOS)).model_copy(update={"model": model}), "qa")


@pytest.fixture
def embedded(folder: Path) -> Path:
    """A file for the embedded model, decided by log-probabilities."""
    prompt = toy_prompt(demos=SENTIMENT_DEMOS).model_copy(
        update={
            "decoding": Decoding(decide_by="logprobs", top_logprobs=20),
            "corrections": (Calibration(biases={"negative": -0.7, "positive": -0.69}),),
        }
    )
    return write(folder, toy_program(prompt).model_copy(update={"model": EMBEDDED}), "embedded")


@pytest.fixture
def pair(folder: Path) -> Path:
    """A file of two prompts with a program's own code between them."""
    prompts: dict[str, FrozenPrompt] = {"judge": toy_prompt(SENTIMENT), "answer": toy_prompt(QA, "chat")}
    return write(folder, toy_program().model_copy(update={"prompts": prompts, "wiring": None}), "pair")


@pytest.fixture
def compiled(run: Run, folder: Path) -> Iterator[Path]:
    """A file that was compiled for a model which can be replaced under its name."""
    WAYS["scripted"] = lambda name, options: student_model()
    made = run("optimize", "toy", "--model", "scripted/student", "--optimizer", "labeled", "--budget", "600calls")
    assert made.exit_code == 0, made.output
    yield folder / "toy.prompt.json"
    del WAYS["scripted"]


def write(folder: Path, program: FrozenProgram, name: str) -> Path:
    """Save a program and return the file's name, as a user in that folder gives it."""
    save(program, folder / f"{name}.prompt.json")
    return Path(f"{name}.prompt.json")
