"""Export frozen prompts to programs that run without Cribsheet."""

import os

from cribsheet.errors import ExportError
from cribsheet.export._base import Export, Source, Target
from cribsheet.export._training import Training
from cribsheet.export.dotprompt import to_dotprompt
from cribsheet.export.dspy import to_dspy
from cribsheet.export.jinja import to_jinja
from cribsheet.export.litellm import to_litellm
from cribsheet.export.llamacpp import to_llamacpp
from cribsheet.export.ollama import to_ollama
from cribsheet.export.openai import to_openai
from cribsheet.export.python import to_python
from cribsheet.export.sft import to_sft
from cribsheet.frozen import FrozenProgram

__all__ = ["TARGETS", "TRAINED", "WHOLE", "Export", "Source", "Target", "Training", "export"]

TARGETS: dict[str, Target] = {
    "dotprompt": to_dotprompt,
    "dspy": to_dspy,
    "jinja": to_jinja,
    "litellm": to_litellm,
    "llamacpp": to_llamacpp,
    "ollama": to_ollama,
    "openai": to_openai,
    "python": to_python,
    "sft": to_sft,
}
"""Each target by its name. To add one, add a file to this folder and an entry here."""

TRAINED = frozenset({"sft"})
"""The targets that take what a model is to be trained on."""

WHOLE = frozenset({"python"})
"""The targets that take a whole program; the others take one prompt."""


def export(
    program: FrozenProgram,
    target: str,
    *,
    prompt: str | None = None,
    path: str | os.PathLike[str] | None = None,
    training: Training | None = None,
) -> Export:
    """Return a program, or one prompt of it, in the format of a target.

    Args:
        program: a frozen program, as `cribsheet.frozen.read` returns it.
        target: a name in `TARGETS`.
        prompt: the name of the prompt; required if the program has several and the target is not in `WHOLE`.
        path: the path where the text will be saved, used by the commands in `usage`; None for the target's own choice.
        training: the rows, traces and shares for fine-tuning; only for the targets in `TRAINED`.

    Raises:
        ExportError: if there is no such target or prompt, or if the target cannot express the prompt.
    """
    if target not in TARGETS:
        raise ExportError(f"There is no export target {target!r}. Known targets: {', '.join(TARGETS)}.")
    if training is not None and target not in TRAINED:
        raise ExportError(
            f"{target} takes no --rows, --map, --traces, --form, --mix, --seed or --every-row (in Python, `training`): "
            f"those are for {', '.join(TRAINED)}. Leave them out."
        )
    name = "" if target in WHOLE and prompt is None else _chosen(program, prompt)
    if name and target in WHOLE and len(program.prompts) > 1:
        raise ExportError(f"{target} takes the whole program, but got the prompt {name}. Leave the prompt out.")
    for one in [name] if target not in WHOLE else program.prompts:
        _check(program, one, target)
    return TARGETS[target](Source(program, name, os.fspath(path) if path else None, training or Training()))


def _check(program: FrozenProgram, name: str, target: str) -> None:
    """Raise ExportError if a target cannot express a prompt."""
    prompt = program.prompts[name]
    if not prompt.demo_source.is_fixed and target not in WHOLE:
        raise ExportError(
            f"The demos of {name} are chosen for each input, by {prompt.demo_source.kind!r}, but "
            f"{target} holds one fixed text. Run the frozen file with cribsheet.load, or compile with fixed demos."
        )
    if prompt.layout.is_question:
        raise ExportError(
            f"{name} asks a decision endpoint a typed question, which {target} does not support. Run the frozen file "
            "with cribsheet.load, or compile for a model that writes text."
        )


def _chosen(program: FrozenProgram, prompt: str | None) -> str:
    names = list(program.prompts)
    if prompt is None and len(names) == 1:
        return names[0]
    if prompt is None:
        raise ExportError(f"{program.task} has several prompts: {', '.join(names)}. Name the one to export.")
    if prompt not in names:
        raise ExportError(f"{program.task} has no prompt {prompt!r}. Use one of these: {', '.join(names)}.")
    return prompt
