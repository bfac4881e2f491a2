"""Answer rows with an export that was written, to see whether it scores as the frozen file says."""

from cribsheet.errors import ExportError
from cribsheet.export._base import Source
from cribsheet.export.verifying._base import TIMEOUT, Deployment, Verifier, wiring_of
from cribsheet.export.verifying.dotprompt import ask_dotprompt
from cribsheet.export.verifying.dspy import run_program
from cribsheet.export.verifying.litellm import ask_litellm
from cribsheet.export.verifying.module import run_module
from cribsheet.export.verifying.ollama import send_to_ollama
from cribsheet.export.verifying.request import send_to_llamacpp, send_to_openai
from cribsheet.export.verifying.template import render_template

__all__ = ["TIMEOUT", "VERIFIERS", "Deployment", "Verifier", "verifier_of"]

VERIFIERS: dict[str, Verifier] = {
    "dotprompt": ask_dotprompt,
    "dspy": run_program,
    "jinja": render_template,
    "litellm": ask_litellm,
    "llamacpp": send_to_llamacpp,
    "ollama": send_to_ollama,
    "openai": send_to_openai,
    "python": run_module,
}
"""The verifier of each target that has one. To add one, add a file to this folder and an entry here."""


def verifier_of(target: str, source: Source) -> Verifier:
    """Return the verifier of a target; ExportError if it has none, or if the recorded rows do not fit it."""
    if target == "sft":
        raise ExportError("sft writes rows to train on, which answer nothing that can be verified. Leave out --verify.")
    if target not in VERIFIERS:
        raise ExportError(
            f"--verify runs exports to {', '.join(VERIFIERS)}, not to {target}. Leave out --verify, and score what the "
            "frozen prompt gets with `cribsheet check FILE --for text`."
        )
    program = source.program
    if source.name and len(program.prompts) > 1:
        raise ExportError(
            f"The test rows are those of the whole program {program.task}, but {target} exports one of its prompts: "
            f"{', '.join(program.prompts)}. Leave out --verify, and score the program with `cribsheet check FILE`."
        )
    wiring_of(source)
    return VERIFIERS[target]
