"""Read what a model holds: the commands of a Modelfile, and Ollama's answer to `/api/show`."""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_COMMAND = re.compile(
    r"^[ \t]*(?P<name>(?:PARAMETER|MESSAGE)[ \t]+\w+|[A-Z]+)[ \t]+"
    r'(?:"{3}(?P<long>.*?)"{3}|"(?P<short>.*?)"|(?P<bare>[^\r\n]*?))[ \t\r]*$',
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
"""Matches a command whose value is in three quotes, in one, or in none, as `parser/parser.go` of Ollama reads it."""
Parts = Mapping[str, list[object]]
"""The values of each part, in order: `TEMPLATE`, `SYSTEM`, `MESSAGE`, `PARAMETER stop`."""


class Command(NamedTuple):
    """A command of a Modelfile; of PARAMETER and MESSAGE with the word that follows."""

    name: str
    value: str


def read_modelfile(text: str) -> list[Command]:
    r"""Return the commands of a Modelfile, without its comments.

    >>> read_modelfile('# A model.\nFROM qwen\nPARAMETER stop "\n"\n')
    [Command(name='FROM', value='qwen'), Command(name='PARAMETER stop', value='\n')]
    """
    return [_command(found) for found in _COMMAND.finditer(text)]


def parts_said(commands: list[Command]) -> Parts:
    """Return the parts that a Modelfile names."""
    said: dict[str, list[object]] = {}
    for name, value in commands:
        kind, _, word = name.partition(" ")
        if kind == "PARAMETER":
            said.setdefault(name, []).append(_number(value))
        elif kind == "MESSAGE":
            said.setdefault(kind, []).append((word, value))
        elif kind in ("TEMPLATE", "SYSTEM"):
            said[kind] = [value]
    return said


def parts_shown(shown: Mapping[str, Any]) -> Parts:
    """Return the parts that a model has, from the reply of `/api/show`."""
    held: dict[str, list[object]] = {
        "TEMPLATE": [shown.get("template") or ""],
        "SYSTEM": [shown["system"]] if shown.get("system") else [],
        "MESSAGE": [(message["role"], message["content"]) for message in shown.get("messages") or ()],
    }
    for name, value in _parameters(shown.get("parameters") or ""):
        held.setdefault(f"PARAMETER {name}", []).append(value)
    return held


def _command(found: re.Match[str]) -> Command:
    kind, *word = found["name"].split()
    value = next(value for value in found.group("long", "short", "bare") if value is not None)
    return Command(" ".join([kind.upper(), *word]), value)


def _parameters(text: str) -> Iterator[tuple[str, object]]:
    """Yield names and values."""
    for line in text.split("\n"):
        name, _, value = line.partition(" ")
        yield name, _number(_unquoted(value.strip()))


def _unquoted(value: str) -> str:
    """Return the text of a literal of Go, which one of Python's is, too; other texts as they are."""
    try:
        return str(ast.literal_eval(value)) if value.startswith('"') else value
    except (SyntaxError, ValueError):
        return value


def _number(text: str) -> object:
    """Return a number if the text is one: Ollama shows 0.0 as 0."""
    try:
        return float(text)
    except ValueError:
        return text
