"""Exports that were written, and what their verifiers give."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from recording_server import RecordingServer

from cribsheet.export import Source, export
from cribsheet.export.verifying import Deployment, verifier_of
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.running import Run
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt


def one_word(prompt: Prompt, sampling: Sampling) -> Completion:
    """Answer as a model that knows one word alone."""
    return Completion(text=" positive" if "Superb" in prompt.full_text else " neither")


def written(program: FrozenProgram, target: str, folder: Path, name: str = "") -> Deployment:
    """Return a deployment of an export, which `one_word` answers if no server does."""
    (prompt,) = program.prompts
    path = folder / (name or f"it.{target}")
    exported = export(program, target, path=str(path))
    for file, text in {path.name: exported.text, **exported.files}.items():
        (folder / file).write_text(text, encoding="utf-8", newline="")
    source = Source(program, prompt, str(path))
    return Deployment(source=source, path=path, open_model=lambda: ScriptedModel(one_word, name="scripted/student"))


def answers(deployment: Deployment, target: str, rows: Any, server: RecordingServer | None = None) -> list[Run | str]:
    """Return what an export gives for each row, at a server if there is one."""
    if server:
        deployment = replace(deployment, api_base=server.url)
    return list(verifier_of(target, deployment.source)(deployment, rows))


def outputs(run: Run | str) -> Mapping[str, object] | str:
    """Return the outputs of a run, or why they cannot be read."""
    assert isinstance(run, Run)
    return run.outputs.reason if isinstance(run.outputs, ParseFailure) else run.outputs
