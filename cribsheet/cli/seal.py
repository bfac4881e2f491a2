"""The command `seal`."""

from pathlib import Path

import click

from cribsheet.cli._command import Command
from cribsheet.errors import FrozenFileError
from cribsheet.frozen.sealing import read, reseal


@click.command("seal", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Accept FILE as it was edited: check that it is whole, then seal it anew.

    Its scores stay those of the prompt before the edit; `cribsheet evaluate` measures it again.

    \b
    Example:
      cribsheet seal sentiment.prompt.json
    """
    if _is_sealed(file):
        click.echo(f"{file} was not edited since it was sealed; it stays as it is.")
        return
    reseal(file)
    click.echo(f"{file} is sealed. Its scores are from before the edit: measure it with `cribsheet evaluate`.")


def _is_sealed(file: Path) -> bool:
    try:
        read(file)
    except FrozenFileError:  # edited, or worse, which `reseal` tells apart
        return False
    return True
