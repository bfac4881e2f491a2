"""The command `play`."""

from pathlib import Path
from typing import Any

import click

from cribsheet.cli._command import INTERRUPTED, Command, api_base_option, model_option
from cribsheet.cli._serving import check_extra, serving_of, warn_of_others
from cribsheet.cli._terminal import note

_PATH = click.Path(path_type=Path)


@click.command("play", cls=Command)
@click.argument("files", type=_PATH, nargs=-1, required=True)
@click.option("--rows", type=_PATH, metavar="FILE", help="Add kept rows to this file.  [default: NAME.rows.jsonl]")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="The port; 0: a free one.  [default: 8378]")
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@model_option
@api_base_option
def command(files: tuple[Path, ...], *, rows: Path | None, opens: bool, **options: Any) -> None:
    """Try the frozen prompts in FILES on a page, until Ctrl-C stops it.

    It shows the answers of the zero-shot prompt, of the compiled text and of the compiled program side by side, what
    decided each, and the exact prompts. A row that was answered wrongly can be kept, with the right answer.

    \b
    Example:
      cribsheet play grounded_qa.prompt.json --open
    """
    check_extra("play")
    if rows and len(files) > 1:
        raise click.UsageError("--rows is one file, and there are several programs. Leave it out, or give one program.")
    _play(files, rows=rows, opens=opens, **options)


def _play(
    files: tuple[Path, ...], *, rows: Path | None, opens: bool, host: str, port: int | None, **named: str | None
) -> None:
    # Imported only here, because the packages of the extra may be missing.
    from cribsheet.serve.options import Options
    from cribsheet.serve.play.routes import DEFAULT_PORT, play_endpoints
    from cribsheet.serve.running import run

    options = Options(host=host, port=DEFAULT_PORT if port is None else port)
    serving = serving_of(files, options, model=named["model"], api_base=named["api_base"])

    def started(address: str) -> None:
        note(f"Open {address} in a browser. Ctrl-C stops it.")
        warn_of_others(options, "They can also add rows. Leave --host out.")
        if opens:
            click.launch(address)

    if run(serving, started=started, further=play_endpoints(serving, rows)) is not None:
        note("Stopped by Ctrl-C.")
        raise click.exceptions.Exit(INTERRUPTED)
