"""The command `serve`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cribsheet.cli._command import INTERRUPTED, Command, api_base_option, model_option
from cribsheet.cli._serving import check_extra, serving_of, warn_of_others
from cribsheet.cli._terminal import note

if TYPE_CHECKING:
    from cribsheet.serve.options import Options

_COUNT, _TIME = click.IntRange(min=1), click.FloatRange(min=0, min_open=True)
_PATH = click.Path(path_type=Path)


@click.command("serve", cls=Command)
@click.argument("files", type=_PATH, nargs=-1, required=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="The port; 0: a free one.  [default: 8377]")
@click.option("--key-file", type=_PATH, metavar="FILE", help="Keys, one a line; a request needs one.")
@model_option
@api_base_option
@click.option("--parallel", type=_COUNT, metavar="N", help="Rows answered at once.  [default: what suits the model]")
@click.option("--queue", type=click.IntRange(min=0), metavar="N", help="Requests that may wait.  [default: 64]")
@click.option("--timeout", type=_TIME, metavar="SECONDS", help="To send a body, or answer a row.  [default: 120]")
@click.option("--max-bytes", type=_COUNT, metavar="BYTES", help="The largest body.  [default: 1 MiB]")
@click.option("--grace", type=_TIME, metavar="SECONDS", help="To stop in.  [default: 30]")
@click.option("--keep", type=_PATH, metavar="FILE", help="Append the calls to a file of JSON lines.")
@click.option("--keep-bytes", type=_COUNT, metavar="BYTES", help="The largest file of --keep.  [default: 100 MiB]")
@click.option("--redact", metavar="MODULE:FUNCTION", help="Changes a call before it is kept, or drops it.")
@click.option("--log-inputs", is_flag=True, help="Show inputs and outputs in the log.")
def command(files: tuple[Path, ...], *, key_file: Path | None, **options: Any) -> None:
    """Serve the frozen prompts in FILES over HTTP until a signal stops it.

    Each is a typed endpoint, a decision endpoint, and a model for the clients of OpenAI and Ollama, under the name of
    its file. A file that changes is taken up. Keys may also be in CRIBSHEET_SERVE_KEYS.

    \b
    Example:
      cribsheet serve sentiment.prompt.json grounded_qa.prompt.json
      curl localhost:8377/v1/programs/sentiment --json '{"inputs": {"text": "Not one bad view."}}'
    """
    check_extra("serve")
    model, api_base = options.pop("model"), options.pop("api_base")
    _serve(files, _options(key_file, options), model=model, api_base=api_base)


def _options(key_file: Path | None, given: dict[str, Any]) -> "Options":
    # Imported only here, because the packages of the extra may be missing.
    from cribsheet.serve.keys import read_keys
    from cribsheet.serve.options import Options

    if given["redact"] and not given["keep"]:
        raise click.UsageError("--redact changes what --keep keeps. Give --keep too, or leave --redact out.")
    told = {name: value for name, value in given.items() if value is not None}
    return Options(keys=read_keys(key_file, os.environ), **told)


def _serve(files: tuple[Path, ...], options: "Options", *, model: str | None, api_base: str | None) -> None:
    from cribsheet.serve.running import run

    serving = serving_of(files, options, model=model, api_base=api_base)

    def started(address: str) -> None:
        note(f"Serving {', '.join(served.name for served in serving.programs)} at {address}. Ctrl-C stops it.")
        warn_of_others(options, "Give --key-file, or leave --host out.")

    if run(serving, started=started) is not None:
        note("Stopped by Ctrl-C.")
        raise click.exceptions.Exit(INTERRUPTED)
