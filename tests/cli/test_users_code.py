"""Whatever users' code does, a command ends in words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from ollama_server import OllamaServer

from cribsheet.frozen.sealing import read, save
from frozen_toys import toy_prompt

Run = Callable[..., Result]

PROGRAM = """
import sys
import dspy
from cribsheet import Task, label_accuracy
from signatures.sentiment import Sentiment

class Stopped(BaseException):
    pass

class Unspoken(Exception):
    def __str__(self):
        raise RuntimeError

class Twice(dspy.Module):
    def __init__(self):
        super().__init__()
        self.first = dspy.Predict(Sentiment)
        self.second = dspy.Predict(Sentiment)

    def forward(self, text):
        {statement}

task = Task(Twice, metric=label_accuracy, trainset="toy.jsonl")
"""


@pytest.fixture
def twice(folder: Path, served: Path) -> Callable[[str], str]:
    """Write a program whose forward is one statement, and return the file that was compiled from it."""

    def write(statement: str) -> str:
        (folder / "programs" / "twice.py").write_text(PROGRAM.format(statement=statement))
        changes = {"task": "twice", "prompts": {"first": toy_prompt(), "second": toy_prompt()}, "wiring": None}
        save(read(folder / served).model_copy(update=changes), folder / "twice.prompt.json")
        return "twice.prompt.json"

    return write


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("return 1 / 0", "raised ZeroDivisionError: division by zero"),
        ("raise Stopped('now')", "raised Stopped: now"),
        ("raise Unspoken", "raised Unspoken, whose message cannot be shown"),
    ],
)
def test_a_program_that_raises_is_one_message_with_its_place(
    run: Run, twice: Callable[[str], str], folder: Path, statement: str, said: str
) -> None:
    file = twice(statement)
    result = run("ask", file, "--text", "Fine.")
    assert result.exit_code == 1
    assert f"Error: The program of twice {said}" in result.stderr
    assert f"(programs/twice.py, line 21: {statement}). Correct it." in result.stderr
    (folder / "in.jsonl").write_text('{"text": "Fine."}\n')
    result = run("ask", file, "--jsonl", "in.jsonl")
    assert result.exit_code == 1
    assert said in result.stdout
    assert f"Answered 0 of 1 row. 1 row has an error instead: The program of twice {said}" in result.stderr


# sys.exit


MODULE = """
import dspy, sys
from cribsheet import Task, label_accuracy
from signatures.sentiment import Sentiment

def metric(example, prediction, trace=None):
    {metric}

class Rows:
    def __iter__(self):
        {rows}

class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        {init}
        self.predict = dspy.Predict(Sentiment)

    def forward(self, text):
        {forward}
        return self.predict(text=text)

{module}
task = Task(Program, metric=metric, trainset={trainset})
"""
FINE = {
    "metric": "return 1",
    "rows": "pass",
    "init": "pass",
    "forward": "pass",
    "module": "",
    "trainset": "'toy.jsonl'",
}


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"module": "raise SystemExit"}, "programs/mine.py does not run at line 23: sys.exit() was called. Remove"),
        (
            {"module": "sys.exit(3)"},
            "programs/mine.py does not run at line 23: sys.exit(3) was called. Remove the call",
        ),
        (
            {"module": "import argparse; argparse.ArgumentParser().error('no')"},
            "mine.py does not run at line 23: sys.exit(2) was called. Remove the call, or put it under `if __name__",
        ),
        (
            {"metric": "sys.exit('bye')"},
            "The metric metric called sys.exit('bye') (programs/mine.py, line 7: sys.exit(",
        ),
        ({"init": "sys.exit(0)"}, "Program() called sys.exit(0) (programs/mine.py, line 16: sys.exit(0)). Correct its"),
        ({"forward": "sys.exit()"}, "The program Program called sys.exit() (programs/mine.py, line 20: sys.exit()). R"),
        ({"rows": "sys.exit(4)", "trainset": "Rows()"}, "The trainset cannot be read: sys.exit(4) was called. Correct"),
    ],
    ids=["raised", "module", "argparse", "metric", "init", "forward", "rows"],
)
def test_a_call_of_sys_exit_is_told_with_its_place(
    run: Run, folder: Path, server: OllamaServer, part: dict[str, str], said: str
) -> None:
    (folder / "programs" / "mine.py").write_text(MODULE.format(**{**FINE, **part}))
    result = run("optimize", "mine", "--model", "ollama_chat/smollm", "--api-base", server.url, "--budget", "100calls")
    assert result.exit_code == 1
    assert said in result.stderr.replace(f"{folder}/", "")
    assert not (folder / "mine.prompt.json").exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os\n\nLabel = 1 / 0\n", "at line 3 of signatures/own.py: ZeroDivisionError: division by zero."),
        ("\n\ndef Label(\n", "at line 3 of signatures/own.py: SyntaxError: '(' was never closed"),
        (
            "import nothing_there\n",
            "at line 1 of signatures/own.py: ModuleNotFoundError: No module named 'nothing_there'.",
        ),
    ],
    ids=["raises", "syntax", "import"],
)
def test_what_a_task_imports_is_told_with_its_own_place(run: Run, folder: Path, code: str, said: str) -> None:
    (folder / "signatures" / "own.py").write_text(code)
    (folder / "programs" / "mine.py").write_text("from signatures.own import Label\n")
    result = run("optimize", "mine")
    assert result.exit_code == 1
    assert f"programs/mine.py does not run {said}" in result.stderr


def test_an_optimizer_that_calls_sys_exit_is_told_too(run: Run, folder: Path, server: OllamaServer) -> None:
    (folder / "optimizers" / "quitting.py").write_text("import sys\n\ndef search(study):\n    sys.exit(5)\n")
    options = ("--model", "ollama_chat/smollm", "--api-base", server.url, "--optimizer", "quitting")
    result = run("optimize", "toy", *options)
    assert result.exit_code == 1
    assert "Code that this command ran called sys.exit(5) (optimizers/quitting.py, line 4: sys.exit(5)). Remove" in (
        result.stderr
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "def search(study):\n    return study.trials[99]\n",
            "raised IndexError: list index out of range (optimizers/odd.py",
        ),
        ("SEARCH = 1\n", "has no function search(study), but search = None. Add one to"),
        ("search = 3\n", "has no function search(study), but search = 3. Add one to"),
    ],
)
def test_an_optimizer_that_raises_is_told_with_its_place(
    run: Run, folder: Path, server: OllamaServer, code: str, said: str
) -> None:
    (folder / "optimizers" / "odd.py").write_text(code)
    options = ("--model", "ollama_chat/smollm", "--api-base", server.url, "--optimizer", "odd")
    result = run("optimize", "toy", *options)
    assert result.exit_code == 1
    assert said in result.stderr


def test_a_program_that_calls_sys_exit_is_told_by_ask_too(run: Run, twice: Callable[[str], str]) -> None:
    result = run("ask", twice("sys.exit('bye')"), "--text", "Fine.")
    assert result.exit_code == 1
    assert "The program Twice called sys.exit('bye') (programs/twice.py, line 21: sys.exit('bye')). Return" in (
        result.stderr
    )
