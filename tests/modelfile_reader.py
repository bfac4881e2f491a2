"""Read a Modelfile as Ollama's parser does, and send what its server sends."""

import ast
import json
import re
from typing import NamedTuple

from cribsheet.export import Export

_ACTION = re.compile(r'\{\{ (?:if false \}\}.*?\{\{ end|(?P<field>\.\w+)|(?P<text>"(?:[^"\\]|\\.)*")) \}\}', re.DOTALL)


class Command(NamedTuple):
    """An instruction; of PARAMETER and MESSAGE with the word that follows."""

    name: str
    value: str


def read_modelfile(text: str) -> list[Command]:
    """Return the instructions of a Modelfile, comments left out."""
    commands, at = [], 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] == "#":
            at = re.compile(r"[\r\n]|\Z").search(text, at).start()
        else:
            head = re.compile(r"(?:PARAMETER [a-z_]+|MESSAGE [a-z]+|[A-Z]+) ").match(text, at)
            assert head, text[at : at + 40]
            value, at = _read_value(text, head.end())
            commands.append(Command(head.group()[:-1], value))
    return commands


def render_template(template: str, prompt: str) -> str:
    """Return what a TEMPLATE of literals and a prompt gives."""
    literals = _ACTION.split(template)[:: _ACTION.groups + 1]
    assert not any("{{" in literal for literal in literals), template
    # Go's string literals, as far as they are used, are Python's.
    return _ACTION.sub(lambda found: _value(found, prompt), template)


def request_of(export: Export) -> dict[str, object]:
    """Return the request that stands in a comment."""
    (line,) = [line for line in export.text.split("\n") if line.startswith("#> ")]
    return dict(json.loads(line.removeprefix("#> ")))


def sent_text(commands: list[Command], prompt: str) -> str:
    """Return the text that the model gets for a prompt, where a TEMPLATE makes it."""
    (template,) = [command.value for command in commands if command.name == "TEMPLATE"]
    return render_template(template, prompt)


def sent_messages(commands: list[Command], messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the chat that the model gets for a request's messages."""
    held = [command for command in commands if command.name.startswith("MESSAGE ")]
    chat = [{"role": name.removeprefix("MESSAGE "), "content": value} for name, value in held] + messages
    system = [{"role": "system", "content": command.value} for command in commands if command.name == "SYSTEM"]
    return chat if messages[0]["role"] == "system" else system + chat


def _read_value(text: str, start: int) -> tuple[str, int]:
    """Return a value and where it ends: at the first end of a line where all quotes are closed."""
    value = ""
    for at in range(start, len(text) + 1):
        if at == len(text) or text[at] in "\r\n":
            unquoted = _unquote(value.strip())
            if unquoted is not None:
                return unquoted, at
        if at < len(text) and (text[at].isprintable() or text[at] in "\t\r\n"):
            value += text[at]
    raise ValueError(f"unexpected end: {value!r}")


def _unquote(value: str) -> str | None:
    for quotes in ('"""', '"'):
        if value.startswith(quotes):
            is_closed = len(value) >= 2 * len(quotes) and value.endswith(quotes)
            return value[len(quotes) : -len(quotes)] if is_closed else None
    return value


def _value(action: re.Match[str], prompt: str) -> str:
    if action["field"]:
        assert action["field"] == ".Prompt"
        return prompt
    return str(ast.literal_eval(action["text"])) if action["text"] else ""
