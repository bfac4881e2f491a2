"""Export to a Dotprompt file, as LiteLLM reads it.

The format is that of https://google.github.io/dotprompt/reference/frontmatter/. LiteLLM's `DotpromptManager` renders
the template with Jinja, splits the result into turns at lines that begin with `System:`, `User:` or `Assistant:`, and
strips every line. So an input with such a line could forge a turn, and white space at the ends of lines gets lost. A
prompt is refused if it would not survive this, and line breaks of inputs become blanks.
"""

import json
from collections.abc import Iterator

from cribsheet.errors import ExportError
from cribsheet.export._base import Export, Source
from cribsheet.export._caveats import caveats, input_forms
from cribsheet.export.jinja import call, check_names, literal, macro, macro_name
from cribsheet.layout.template import Pieces, Slot, Turn

_ROLES = {"system": "System:", "user": "User:", "assistant": "Assistant:"}
_LINE_BREAKS = (("\r\n", " "), ("\n", " "))
"""What an input loses so that it cannot begin a turn."""
_INPUT = "\x00"
"""Stands for an input while the lines of a prompt are checked."""


def to_dotprompt(source: Source) -> Export:
    """Return a `.prompt` file with the settings of the completion and the chat's turns.

    Raises:
        ExportError: the prompt is no chat, LiteLLM would change its text, or an input could forge a turn.
    """
    check_names(source)
    _check_lines(source)
    path, name = source.saved_as("prompt"), macro_name(source)
    found = path if path.endswith(".prompt") else f"{path}.prompt"
    # LiteLLM escapes HTML in what is not marked as safe.
    escape = macro(name, source.opened.escaping, first=_LINE_BREAKS, ending=" | safe")
    return Export(
        target="dotprompt",
        text=f"---\n{_front_matter(source)}---\n{escape}{_turns(source.opened.turns, name)}\n",
        file_name=path,
        usage=_usage(source, found),
        carriage="text",
        score=source.score("text"),
        caveats=(
            *(
                [f"LiteLLM reads only files that end with .prompt, so rename {path} to {found}."]
                if path != found
                else []
            ),
            "LiteLLM strips each line, so white space at the ends of an input may get lost. Line breaks in inputs "
            "become blanks, since a line that begins with a role's name would be read as a turn of its own.",
            *caveats(source),
        ),
    )


def _check_lines(source: Source) -> None:
    """Raise ExportError if LiteLLM would read other turns than the prompt has."""
    if not source.opened.turns:
        raise ExportError(
            f"{source.name} is a raw completion, and a Dotprompt file holds chats alone. Export it to litellm, which "
            "sends raw prompts too, or compile for a model that takes chats only."
        )
    for turn in source.opened.turns:
        content = "".join(_INPUT if isinstance(piece, Slot) else piece for piece in turn.content)
        for number, line in enumerate(content.split("\n")):
            if fault := _fault(line, is_first=number == 0):
                told = line.replace(_INPUT, "…")
                raise ExportError(
                    f"{source.name} has a line that LiteLLM would change when it reads a Dotprompt file: {fault}. "
                    f"The line: {told[:80]!r}. Export it to litellm, which keeps every byte."
                )


def _fault(line: str, *, is_first: bool) -> str:
    """Return what LiteLLM would do to a line; empty if it keeps it."""
    if line != line.strip():
        return "it strips the white space at the line's ends"
    if is_first:  # it follows the name of the role
        return "" if line else "it drops empty lines at the beginning of a turn"
    before, is_filled, _ = line.partition(_INPUT)
    if any(before.startswith(role) for role in _ROLES.values()):
        return "it begins another turn there"
    if is_filled and any(role.startswith(before) for role in _ROLES.values()):
        return "an input that begins with a role's name would begin another turn there"
    return ""


def _front_matter(source: Source) -> str:
    schema = {field.name: "string" for field in source.prompt.signature.inputs}
    told = {"model": source.litellm_name, **source.completion_settings, "input": {"schema": schema}}
    lines = [f"# {source.score('text')}", *(f"{name}: {json.dumps(told[name], ensure_ascii=False)}" for name in told)]
    return "".join(f"{line}\n" for line in lines)


def _turns(turns: tuple[Turn, ...], name: str) -> str:
    return "\n".join(f"{_ROLES[turn.role]} {''.join(_text(turn.content, name))}" for turn in turns)


def _text(pieces: Pieces, name: str) -> Iterator[str]:
    for piece in pieces:
        yield f"{{{{ {call(name, piece)} }}}}" if isinstance(piece, Slot) else literal(piece)


def _usage(source: Source, path: str) -> str:
    values = ", ".join(f'"{field.name}": "…"' for field in source.prompt.signature.inputs)
    name = source.litellm_name
    server = ", ".join(f"{argument}={json.dumps(value)}" for argument, value in source.litellm_server.items())
    lines = [
        "import os",
        "from pathlib import Path",
        "# Without this, LiteLLM downloads a list of prices when it is imported.",
        'os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")',
        "import litellm",
        f"path = Path({path!r})",
        "litellm.set_global_prompt_directory(str(path.parent))",
        *(f"# {line}" for line in input_forms(source.prompt)),
        "reply = litellm.completion(",
        f'    model="dotprompt/{name}", prompt_id=path.stem, prompt_variables={{{values}}}, messages=[],',
        *([f"    {server},"] if server else []),
        "    # LiteLLM 1.110 leaves out what the file says of these:",
        "    " + "".join(f"{name}={value!r}, " for name, value in source.completion_settings.items()).rstrip(),
        ")",
    ]
    return "\n".join(lines)
