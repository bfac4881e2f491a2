"""Write frozen prompts down for programs that run without Cribsheet."""

import os

from cribsheet.errors import ExportError
from cribsheet.export._base import Export, Source, Target
from cribsheet.export.jinja import to_jinja
from cribsheet.export.llamacpp import to_llamacpp
from cribsheet.export.ollama import to_ollama
from cribsheet.export.openai import to_openai
from cribsheet.export.python import to_python
from cribsheet.frozen import FrozenProgram

__all__ = ["TARGETS", "WHOLE", "Export", "Source", "Target", "export"]

TARGETS: dict[str, Target] = {
    "jinja": to_jinja,
    "llamacpp": to_llamacpp,
    "ollama": to_ollama,
    "openai": to_openai,
    "python": to_python,
}
"""Each target by its name; a new one is a file here and an entry there."""

WHOLE = frozenset({"python"})
"""The targets that take a whole program; the others take one prompt."""


def export(
    program: FrozenProgram, target: str, *, prompt: str | None = None, path: str | os.PathLike[str] | None = None
) -> Export:
    """Return a program, or one prompt of it, in the form that a target takes.

    Args:
        program: what `cribsheet.frozen.read` gives.
        target: a name in `TARGETS`.
        prompt: which prompt; needed if the program has several and the target is not in `WHOLE`.
        path: where the text will be saved, for the commands in `usage`; None for a name of the target's choice.

    Raises:
        ExportError: if there is no such target or prompt, or if the target cannot express the prompt.
    """
    if target not in TARGETS:
        raise ExportError(f"There is no export target {target!r}. Known targets: {', '.join(TARGETS)}.")
    name = "" if target in WHOLE and prompt is None else _chosen(program, prompt)
    if name and target in WHOLE and len(program.prompts) > 1:
        raise ExportError(f"{target} takes the whole program, but got the prompt {name}. Leave the prompt out.")
    for one in [name] if target not in WHOLE else program.prompts:
        _check(program, one, target)
    return TARGETS[target](Source(program, name, os.fspath(path) if path else None))


def _check(program: FrozenProgram, name: str, target: str) -> None:
    """Raise ExportError if a target cannot express a prompt."""
    prompt = program.prompts[name]
    if not prompt.demo_source.is_fixed and target not in WHOLE:
        raise ExportError(
            f"The demos of {name} are chosen for each input, by {prompt.demo_source.kind!r}, and "
            f"{target} holds one text. Run the frozen file with cribsheet.load, or compile with fixed demos."
        )
    if prompt.layout.is_question:
        raise ExportError(
            f"{name} asks a typed question of a decision endpoint, and {target} has no such thing. Run the frozen file "
            "with cribsheet.load, or compile for a model that writes."
        )


def _chosen(program: FrozenProgram, prompt: str | None) -> str:
    names = list(program.prompts)
    if prompt is None and len(names) == 1:
        return names[0]
    if prompt is None:
        raise ExportError(f"{program.task} has several prompts: {', '.join(names)}. Name the one to export.")
    if prompt not in names:
        raise ExportError(f"{program.task} has no prompt {prompt!r}. It has {', '.join(names)}.")
    return prompt
