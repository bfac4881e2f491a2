"""The options of `export --to sft`, and their use."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from cribsheet.cli._command import allow_empty_option, check_about_rows, labels_option, map_option
from cribsheet.errors import DataError
from cribsheet.export import TRAINED, Export, Source, Training, export
from cribsheet.export._training import read_mix
from cribsheet.workspace import current_workspace

_OPTIONS = (
    click.option(
        "--rows", type=click.Path(path_type=Path), metavar="FILE", help="For sft: labelled rows of the compile."
    ),
    map_option,
    labels_option,
    allow_empty_option,
    click.option(
        "--traces", type=click.Path(path_type=Path), metavar="FILE", help="For sft: what `optimize --traces` kept."
    ),
    click.option(
        "--form",
        type=click.Choice(["chat", "completion"]),
        help="For sft: the form of each row.  [default: the prompt's]",
    ),
    click.option(
        "--mix",
        metavar="KIND=SHARE,…",
        help="For sft: few-shot-cot, zero-shot-cot and answer-only, with their shares.  [default: answer-only]",
    ),
    click.option("--seed", type=int, help="For sft: of the order and the choice.  [default: 0]"),
    click.option("--every-row", is_flag=True, default=None, help="For sft: use rows that the compile held out, too."),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given_training(target: str, options: Mapping[str, Any]) -> Training | None:
    """Return what the user asked for; None if none of the options was given."""
    given = {name: value for name, value in options.items() if not (value is None or value is False or value == {})}
    if not given:
        return None
    if target in TRAINED:
        check_about_rows(options, "rows")
    if target in TRAINED and "every_row" in given and "rows" not in given:
        raise click.UsageError("--every-row is about the rows of --rows. Give --rows too, or leave --every-row out.")
    texts = {name: str(given[name]) for name in ("rows", "traces") if name in given}
    mix = {"mix": read_mix(given["mix"])} if "mix" in given else {}
    return Training.model_validate({**given, **texts, **mix})


def exported(source: Source, target: str, training: Training | None) -> Export:
    """Return the export; if its rows are the task's own trainset, their columns are mapped as the task says.

    Raises:
        ExportError: if the target cannot express the prompt.
        DataError: if the rows or traces cannot be read.
    """

    def made(training: Training | None) -> Export:
        return export(source.program, target, prompt=source.name or None, path=source.path, training=training)

    try:
        return made(training)
    except DataError:
        mapping = _mapping_of_task(source.program.task, training) if training and not training.mapping else {}
        if not (training and mapping):
            raise
    return made(training.model_copy(update={"mapping": mapping}))


def _mapping_of_task(name: str, training: Training) -> Mapping[str, str]:
    """Return the mapping of the task of that name if the rows are its trainset; else an empty one."""
    workspace = current_workspace()
    if training.rows is None or name not in workspace.tasks():
        return {}
    _, task = workspace.task(name)
    if not isinstance(task.trainset, str | os.PathLike):
        return {}
    return task.mapping if Path(training.rows).resolve() == workspace.trainset(task.trainset).resolve() else {}
