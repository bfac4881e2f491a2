"""The command `list`."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from cribsheet.cli._command import Command, json_option
from cribsheet.cli._terminal import print_json, stdout
from cribsheet.errors import FrozenFileError
from cribsheet.frozen.sealing import read
from cribsheet.layout.catalogue import LAYOUTS, QUESTIONS
from cribsheet.workspace import Workspace, current_workspace

Row = dict[str, Any]


@click.command("list", cls=Command)
@json_option
def command(as_json: bool) -> None:
    """List the tasks, optimizers and layouts, and the frozen files in the current folder.

    \b
    Example:
      cribsheet list
    """
    workspace = current_workspace()
    summary: dict[str, Any] = {
        "workspace": str(workspace.root),
        "tasks": _modules(workspace, workspace.tasks()),
        "optimizers": _modules(workspace, workspace.optimizers()),
        "layouts": [{"name": layout.name, "style": layout.style} for layout in (*LAYOUTS, *QUESTIONS)],
        "files": [_frozen(path) for path in sorted(Path().glob("*.prompt.json"))],
    }
    if as_json:
        print_json(summary)
        return
    stdout().print(f"Workspace {workspace.root}", soft_wrap=True)
    _print("Tasks", [(row["name"], row["about"], row["from"]) for row in summary["tasks"]])
    _print("Optimizers", [(row["name"], row["about"], row["from"]) for row in summary["optimizers"]])
    _print("Layouts", _layouts())
    _print("Frozen files here", [(row["file"], _told(row)) for row in summary["files"]])


def _modules(workspace: Workspace, paths: dict[str, Path]) -> list[Row]:
    return [
        {
            "name": name,
            "about": _about(path),
            "from": "workspace" if path.is_relative_to(workspace.root) else "built in",
            "path": str(path),
        }
        for name, path in paths.items()
    ]


def _about(path: Path) -> str:
    """Return the first line of a module's docstring, without importing the module."""
    try:
        docstring = ast.get_docstring(ast.parse(path.read_bytes()))
    except (SyntaxError, ValueError, OSError) as error:
        return f"cannot be read: {error}"
    return (docstring or "").partition("\n")[0]


def _layouts() -> list[tuple[str, str]]:
    styles: dict[str, list[str]] = {}
    for layout in (*LAYOUTS, *QUESTIONS):
        styles.setdefault(layout.style.replace("_", " "), []).append(layout.name)
    return [(style, ", ".join(names)) for style, names in styles.items()]


def _frozen(path: Path) -> Row:
    try:
        program = read(path)
    except FrozenFileError as error:
        return {"file": path.name, "error": str(error)}
    compiled = program.results.compiled.model_dump(mode="json")
    return {"file": path.name, "task": program.task, "model": program.model.name, "compiled": compiled}


def _told(row: Row) -> str:
    if "error" in row:
        return str(row["error"])
    score = row["compiled"]
    return f"{row['task']} for {row['model']}, {score['score']:.3f} ({score['low']:.3f} to {score['high']:.3f})"


def _print(heading: str, rows: Sequence[tuple[str, ...]]) -> None:
    console = stdout()
    console.print()
    console.print(heading if rows else f"{heading}: none", style="bold")
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(*row)
    if rows:
        console.print(table)
