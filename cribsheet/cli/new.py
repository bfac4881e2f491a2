"""The command `new`."""

from pathlib import Path

import click

from cribsheet.cli._command import Command
from cribsheet.workspace import new_workspace

_NEXT = """\
{directory} is a workspace. Next:

1. Write the task, {directory}/signatures/mood.py:

     import dspy
     from typing import Literal

     class Mood(dspy.Signature):
         \"\"\"Say how the writer feels.\"\"\"
         text: str = dspy.InputField()
         mood: Literal["glad", "sad"] = dspy.OutputField()

2. Bind it to a metric and rows, {directory}/programs/mood.py:

     from cribsheet import Task, label_accuracy
     from signatures.mood import Mood

     task = Task(Mood, metric=label_accuracy, trainset="mood.jsonl")

3. Write at least 40 rows, one per line, {directory}/trainsets/mood.jsonl:

     {{"text": "What a day!", "mood": "glad"}}

4. Compile it:

     cd {directory} && optimize mood"""


@click.command("new", cls=Command)
@click.argument("directory", type=click.Path(path_type=Path))
def command(directory: Path) -> None:
    """Create an empty workspace in DIRECTORY.

    \b
    Example:
      cribsheet new my-prompts
    """
    new_workspace(directory)
    click.echo(_NEXT.format(directory=directory))
