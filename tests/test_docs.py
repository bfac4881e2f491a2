"""The code blocks of README and docs name what there is, and programs in them run."""

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from cribsheet.cli._root import _COMMANDS, _load
from cribsheet.workspace import new_workspace

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> Iterator[object]:
    """Yield the blocks of a language, each with where it stands as its id."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in _FENCE.finditer(text):
            if found.group(1) == language:
                line = text.count("\n", 0, found.start()) + 1
                yield pytest.param(found.group(2), id=f"{page.name}:{line}")


def commands() -> Iterator[object]:
    """Yield the lines of console blocks that call us."""
    for parameter in blocks("console"):
        for line in parameter.values[0].splitlines():  # type: ignore[attr-defined]
            if line.startswith(("$ cribsheet ", "$ optimize ")):
                yield pytest.param(line.removeprefix("$ "), id=f"{parameter.id} {line[2:40]}")  # type: ignore[attr-defined]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_are_python_whose_imports_are_there(code: str) -> None:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cribsheet"):
            module = import_module(node.module)
            assert all(hasattr(module, alias.name) for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "cribsheet":
            assert hasattr(import_module("cribsheet"), node.attr)


@pytest.mark.parametrize("line", commands())
def test_commands_and_their_options_are_there(line: str) -> None:
    words = shlex.split(line, comments=True)
    name, given = ("optimize", words[1:]) if words[0] == "optimize" else (words[1], words[2:])
    if name.startswith("-"):
        return
    assert name in _COMMANDS
    known = {option for one in _options(_load(name), given) for option in one}
    options = [word for word in given if word.startswith("--")]
    if name != "ask":  # whose options are the inputs of the file
        assert set(options) <= known


def _options(command: click.Command, given: list[str]) -> Iterator[list[str]]:
    yield ["--help"]
    yield from (parameter.opts for parameter in command.params)
    if isinstance(command, click.Group) and given and given[0] in command.commands:
        yield from _options(command.commands[given[0]], given[1:])


def test_the_readmes_program_is_a_task(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "desk")
    for code in (one.values[0] for one in blocks("python")):  # type: ignore[attr-defined]
        named = re.match(r"# ((?:programs|signatures)/urgency\.py)\n", code)
        if named:
            (workspace.root / named.group(1)).write_text(code, encoding="utf-8")
    name, task = workspace.task("urgency")
    assert (name, task.trainset) == ("urgency", "urgency.jsonl")


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+\.md)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), f"{page.name}: {target}"
