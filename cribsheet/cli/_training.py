"""The options of `export --to sft`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from cribsheet.cli._command import map_option
from cribsheet.export import Training
from cribsheet.export._training import read_mix

_OPTIONS = (
    click.option(
        "--rows", type=click.Path(path_type=Path), metavar="FILE", help="For sft: labelled rows of the compile."
    ),
    map_option,
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


def given_training(options: Mapping[str, Any]) -> Training | None:
    """Return what the user asked for; None if none of the options was given."""
    given = {name: value for name, value in options.items() if value not in (None, {})}
    if not given:
        return None
    texts = {name: str(given[name]) for name in ("rows", "traces") if name in given}
    mix = {"mix": read_mix(given["mix"])} if "mix" in given else {}
    return Training.model_validate({**given, **texts, **mix})
