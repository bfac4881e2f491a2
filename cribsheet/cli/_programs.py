"""Open a frozen file for running."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import click

from cribsheet.carriage import Carriage
from cribsheet.cli._display import Display
from cribsheet.corrections import Outputs
from cribsheet.errors import CribsheetError, FrozenFileError, ProgramError, deed
from cribsheet.evaluation.places import place_of
from cribsheet.frozen import FrozenProgram, FrozenPrompt
from cribsheet.frozen.loading import Program
from cribsheet.frozen.running import Run, settled
from cribsheet.frozen.sealing import read
from cribsheet.frozen.wired import between, outputs_of
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Completer, Model, open_model
from cribsheet.outcomes import Value, to_json
from cribsheet.signature import Field, Signature
from cribsheet.workspace import Workspace


@dataclass(frozen=True)
class Runnable:
    """A frozen program that can be run on one row."""

    frozen: FrozenProgram
    signature: Signature
    """The inputs and outputs of the whole program."""
    between: tuple[Field, ...]
    """What its prompts pass to later ones. Rows may have it."""
    run_prompts: Callable[[FrozenProgram, Mapping[str, Value], Completer], Run]
    """Runs the program with the prompts of the given frozen program."""

    def run(self, inputs: Mapping[str, Value], model: Completer) -> Run:
        """Run the program, always asking the model."""
        return self.run_prompts(self.frozen, inputs, model)

    def carried_by(self, carriage: Carriage) -> "Runnable | None":
        """Return the program as a deployment with this carriage runs it; None if the carriage cannot express it."""
        frozen = self.frozen.carried_by(carriage)
        return None if frozen is None else self.with_frozen(frozen)

    def with_frozen(self, frozen: FrozenProgram) -> "Runnable":
        """Return the same program with other prompts."""
        return replace(self, frozen=frozen)

    def answer(self, inputs: Mapping[str, Value], model: Completer) -> Run:
        """Run the program; no model is asked if the guard lets no answer stand anyway.

        Raises:
            ProgramError: if the program's own code raises, or returns what JSON cannot hold.
        """
        if self.frozen.wiring is not None:  # no code of the user's
            return settled(self.frozen.prompts, self.frozen.wiring, inputs) or self.run(inputs, model)
        try:
            run = self.run(inputs, model)
        except (CribsheetError, KeyboardInterrupt):
            raise
        except BaseException as error:  # the program is the user's code, which may raise anything
            place = f" ({found})" if (found := place_of(error)) else ""
            raise ProgramError(f"The program of {self.frozen.task} {deed(error)}{place}. Correct it.") from error
        self._check_writable(run.outputs)
        return run

    def _check_writable(self, outputs: Outputs | ParseFailure) -> None:
        for name, value in {} if isinstance(outputs, ParseFailure) else outputs.items():
            try:
                json.dumps(to_json(value), allow_nan=False)
            except (TypeError, ValueError, RecursionError) as error:
                raise ProgramError(
                    f"The program of {self.frozen.task} returned {name} = {repr(value)[:80]}, which JSON cannot hold: "
                    f"{error}. Return a text, a finite number or a truth value."
                ) from None


def open_program(path: Path, workspace: Workspace) -> Runnable:
    """Return the program of a frozen file; if it needs its own code, that is loaded from the workspace.

    Raises:
        FrozenFileError: if the file is invalid, or its program is not in the workspace.
    """
    frozen = read(path)
    if frozen.wiring is None:
        return _with_own_code(path, frozen, workspace)
    program = Program(frozen)
    signature = Signature(
        name=frozen.task, instructions="", inputs=program.inputs, outputs=outputs_of(frozen.prompts, frozen.wiring)
    )
    passed = between((prompt.signature for prompt in frozen.prompts.values()), signature)
    return Runnable(frozen, signature, passed, lambda frozen, inputs, model: Program(frozen).run(inputs, model))


class ModelPlace(NamedTuple):
    """The model that answers for a frozen program, and its address."""

    name: str
    api_base: str | None
    context_window: int | None


def model_place(frozen: FrozenProgram, *, model: str | None, api_base: str | None) -> ModelPlace:
    """Return the place of the model that a file was compiled for, or of the one named instead."""
    if model is not None:
        return ModelPlace(model, api_base, None)
    identity = frozen.model
    endpoint = (identity.endpoint or None) if api_base is None else api_base
    return ModelPlace(identity.name, endpoint, identity.context_window)


def open_its_model(
    frozen: FrozenProgram,
    *,
    model: str | None,
    api_base: str | None,
    timeout: float,
    display: Display,
) -> Model:
    """Open the model that a file was compiled for, or the one named instead; `display` shows downloads and waits."""
    place = model_place(frozen, model=model, api_base=api_base)
    return open_model(
        place.name,
        api_base=place.api_base,
        context_window=place.context_window,
        timeout=timeout,
        progress=display.download,
        notice=display.notice,
    )


def chosen_prompts(frozen: FrozenProgram, name: str | None) -> Mapping[str, FrozenPrompt]:
    """Return the prompt that `--prompt` names; all prompts if the option was not given."""
    if name is None:
        return frozen.prompts
    if name not in frozen.prompts:
        known = ", ".join(frozen.prompts)
        raise click.BadParameter(f"There is no prompt {name!r}. Use one of these: {known}.", param_hint="--prompt")
    return {name: frozen.prompts[name]}


def _with_own_code(path: Path, frozen: FrozenProgram, workspace: Workspace) -> Runnable:
    if frozen.task not in workspace.tasks():
        raise FrozenFileError(
            f"{path} needs the code of the task {frozen.task!r} between its prompts, and that task is not in "
            f"{workspace.root / 'programs'}. Run this command in the workspace that has it."
        )
    _, task = workspace.task(frozen.task)
    # Imported only here, because it imports dspy, which other frozen files do not need.
    from cribsheet.compiler.bridge import DspyProgram, as_module

    program = DspyProgram(as_module(task.program))
    if set(program.signatures) != set(frozen.prompts):
        raise FrozenFileError(
            f"{path} holds prompts for {', '.join(frozen.prompts)}, but the task {frozen.task!r} in {workspace.root} "
            f"has the predictors {', '.join(program.signatures)}. Compile it again."
        )

    def run(frozen: FrozenProgram, inputs: Mapping[str, Value], model: Completer) -> Run:
        return program.run(frozen.prompts, inputs, model)

    return Runnable(frozen, program.signature, between(program.signatures.values(), program.signature), run)
