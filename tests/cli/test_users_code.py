"""Whatever users' code does, a command ends in words."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

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
    assert result.exit_code == 0
    assert said in result.stdout
    assert "Answered 0 of 1 rows." in result.stderr
