"""Names are found in the nearest workspace, then in the built-in one."""

import sys
from pathlib import Path

import pytest

from cribsheet.compiler.bridge import signature_of
from cribsheet.errors import DataError, WorkspaceError
from cribsheet.task import Task
from cribsheet.workspace import Workspace, builtin, find_workspace, new_workspace

PROGRAM = """
from typing import Literal
import dspy
from cribsheet import Task, label_accuracy

class Mine(dspy.Signature):
    '''Mine.'''
    text: str = dspy.InputField()
    label: Literal["a", "b"] = dspy.OutputField()

task = Task(Mine, metric=label_accuracy, trainset="mine.jsonl")
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    (made.root / "programs" / "mine.py").write_text(PROGRAM)
    return made


def test_the_built_in_workspace_ships_tasks_and_optimizers() -> None:
    assert {"grounded_qa", "sentiment", "stars", "topic"} <= set(builtin().tasks())
    assert {"zero_shot", "labeled", "race"} <= set(builtin().optimizers())


@pytest.mark.parametrize("name", builtin().tasks())
def test_every_shipped_task_runs_its_module(name: str) -> None:
    found, task = builtin().task(name)
    assert (found, isinstance(task, Task)) == (name, True)
    assert builtin().trainset(task.trainset).is_file()


def test_the_nearest_workspace_above_is_found(workspace: Workspace) -> None:
    assert find_workspace(workspace.root / "programs") == workspace
    assert find_workspace(workspace.root.parent) == builtin()


def test_what_a_workspace_lacks_comes_from_the_built_in_one(workspace: Workspace) -> None:
    assert {"mine", "sentiment"} <= set(workspace.tasks())
    assert workspace.optimizer("race").__name__ == "optimizers.race"
    assert workspace.trainset("topic.jsonl") == builtin().root / "trainsets" / "topic.jsonl"


def test_a_task_is_found_by_name_path_or_dotted_module(workspace: Workspace) -> None:
    path = workspace.root / "programs" / "mine.py"
    for name in ("mine", str(path), "programs.mine"):
        found, task = workspace.task(name)
        assert (found, task.trainset) == ("mine", "mine.jsonl")


def test_a_workspaces_own_name_goes_before_the_built_in_one(workspace: Workspace) -> None:
    (workspace.root / "programs" / "sentiment.py").write_text(PROGRAM)
    assert workspace.task("sentiment")[1].trainset == "mine.jsonl"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nobody", r"no task 'nobody'. Known tasks: .*grounded_qa"),
        ("sentimnet", r"no task 'sentimnet'. Did you mean 'sentiment'\? Known"),
        ("no/such/file.py", "no file"),
        ("no.such.module", "cannot be imported"),
    ],
)
def test_an_unknown_task_is_answered_with_what_there_is(workspace: Workspace, name: str, says: str) -> None:
    with pytest.raises(WorkspaceError, match=says):
        workspace.task(name)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("task = 1", "defines no task: its module has task = 1. End it with"),
        (
            "from cribsheet import Task\nmine = Task('a -> b', metric=abs, trainset='x.jsonl')",
            "defines no task: its module has no `task`. Rename mine to task",
        ),
        ("import nowhere", "nowhere"),
        ("def broken(:", "line 1"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_module_that_does_not_run_says_why(workspace: Workspace, source: str, says: str) -> None:
    (workspace.root / "programs" / "bad.py").write_text(source)
    with pytest.raises(WorkspaceError, match=says):
        workspace.task("bad")


def test_an_unknown_trainset_or_optimizer_says_where_it_looked(workspace: Workspace) -> None:
    with pytest.raises(DataError, match="trainsets"):
        workspace.trainset("nowhere.jsonl")
    with pytest.raises(WorkspaceError, match="labeled, race, zero_shot"):
        workspace.optimizer("luck")


def test_a_new_workspace_never_lands_on_something(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="not empty"):
        new_workspace(workspace.root)
    (tmp_path / "file").write_text("kept")
    with pytest.raises(WorkspaceError, match="not empty"):
        new_workspace(tmp_path / "file")


FUTURE = """
from __future__ import annotations
from enum import Enum
from typing import Literal
import dspy
from cribsheet import Task, Unanswerable, label_accuracy

class Mood(Enum):
    LOW = "low"
    HIGH = "high"

class Mine(dspy.Signature):
    '''Mine.'''
    text: str = dspy.InputField()
    label: Literal["a", "b"] = dspy.OutputField()
    mood: Mood | Unanswerable = dspy.OutputField()

task = Task(Mine, metric=label_accuracy, trainset="mine.jsonl")
"""


@pytest.mark.parametrize("name", ["future", "programs/future.py", "programs.future"])
def test_annotations_written_as_text_are_looked_up_in_the_module(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(workspace.root)
    (workspace.root / "programs" / "future.py").write_text(FUTURE)
    _, task = workspace.task(name)
    labels = [field.closed_outcomes for field in signature_of(task.program).outputs]
    assert labels == [("a", "b"), ("low", "high")]


def test_a_module_that_does_not_run_leaves_nothing_to_import(workspace: Workspace) -> None:
    (workspace.root / "programs" / "half.py").write_text("task = 1\n1 / 0")
    with pytest.raises(WorkspaceError):
        workspace.task("half")
    assert "programs.half" not in sys.modules


def test_a_dotted_name_is_that_of_the_workspace_whatever_another_one_ran(workspace: Workspace, tmp_path: Path) -> None:
    other = new_workspace(tmp_path / "other")
    (other.root / "programs" / "mine.py").write_text(PROGRAM.replace("mine.jsonl", "other.jsonl"))
    assert other.task("mine")[1].trainset == "other.jsonl"
    assert workspace.task("programs.mine")[1].trainset == "mine.jsonl"


def test_a_trainset_in_a_folder_is_looked_up_in_the_workspace_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = new_workspace(tmp_path / "ws")
    (made.root / "trainsets" / "hub" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    split = made.root / "trainsets" / "hub" / "data" / "train"
    assert made.trainset("hub/data/train") == split, "a split is no file of its own"
    (tmp_path / "hub" / "data").mkdir(parents=True)
    assert made.trainset("hub/data/train") == Path("hub/data/train"), "the current folder comes first"
    assert made.trainset("nowhere/train") == Path("nowhere/train")
