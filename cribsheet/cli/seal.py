"""The command `seal`."""

from pathlib import Path

import click

from cribsheet.cli._command import Command
from cribsheet.errors import FrozenFileError
from cribsheet.frozen.sealing import read, reseal


@click.command("seal", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Accept the edits in FILE: check that it is a valid frozen file, then update its hash.

    Its scores are still those from before the edit; `cribsheet evaluate` scores it again.

    \b
    Example:
      cribsheet seal sentiment.prompt.json
    """
    if _is_sealed(file):
        click.echo(f"{file} was not edited after it was sealed, so it is unchanged.")
        return
    reseal(file)
    click.echo(f"{file} is sealed. Its scores are from before the edit: score it again with `cribsheet evaluate`.")


def _is_sealed(file: Path) -> bool:
    try:
        read(file)
    except FrozenFileError:  # edited or invalid; `reseal` reports which
        return False
    return True
