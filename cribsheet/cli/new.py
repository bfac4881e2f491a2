"""The command `new`."""

from pathlib import Path

import click

from cribsheet.cli._command import Command
from cribsheet.workspace import new_workspace

_NEXT = """\
{directory} is a workspace. Next:

1. Write a task, {directory}/programs/urgency.py:

     from typing import Literal

     import dspy

     from cribsheet import Task, label_accuracy


     class Urgency(dspy.Signature):
         \"\"\"Say whether the message can wait.\"\"\"

         message: str = dspy.InputField()
         urgency: Literal["now", "later"] = dspy.OutputField()


     task = Task(Urgency, metric=label_accuracy, trainset="urgency.jsonl")

2. Write at least 40 rows, one per line, {directory}/trainsets/urgency.jsonl:

     {{"message": "The server room is under water.", "urgency": "now"}}
     {{"message": "Could you order more tea at some point?", "urgency": "later"}}

3. Compile it, and ask it:

     cd {directory}
     optimize urgency
     cribsheet ask urgency.prompt.json --message "The press is calling in ten minutes.\""""


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
