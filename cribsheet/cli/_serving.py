"""Make the server that the commands `serve` and `play` run."""

import logging
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cribsheet.cli._programs import model_place, open_program
from cribsheet.cli._terminal import note
from cribsheet.errors import ServeError
from cribsheet.frozen import FrozenProgram
from cribsheet.models import Model, open_model
from cribsheet.workspace import current_workspace

if TYPE_CHECKING:
    from cribsheet.serve.engines import Wanted
    from cribsheet.serve.options import Options
    from cribsheet.serve.serving import Serving

_LOOPBACK = ("127.", "::1", "localhost")


def check_extra(command: str) -> None:
    """Raise ServeError if the packages of the extra `serve` are missing."""
    try:
        import_module("cribsheet.serve.running")
    except ImportError as error:
        raise ServeError(
            f'{command} needs a package that cannot be imported: {error}. Run `pip install "cribsheet[serve]"`.'
        ) from error


def serving_of(files: Sequence[Path], options: "Options", *, model: str | None, api_base: str | None) -> "Serving":
    """Return what serves these files, with the log shown on standard error.

    Raises:
        CribsheetError: if a file or its model cannot be used.
    """
    # Imported only here, because the packages of the extra may be missing.
    from cribsheet.serve.engines import Engines
    from cribsheet.serve.programs import Programs
    from cribsheet.serve.serving import Serving

    workspace = current_workspace()

    def chosen(frozen: FrozenProgram) -> "Wanted":
        return _wanted(frozen, model=model, api_base=api_base, parallel=options.parallel)

    engines = Engines(chosen, parallel=options.parallel, queue=options.queue)
    programs = Programs(files, lambda path: open_program(path, workspace), engines)
    _log_to_stderr()
    return Serving(options, programs, engines)


def warn_of_others(options: "Options", remedy: str) -> None:
    """Warn if other machines can ask without a key."""
    if not (options.keys or options.host.startswith(_LOOPBACK)):
        note(f"Warning: other machines can ask without a key. {remedy}")


def _wanted(frozen: FrozenProgram, *, model: str | None, api_base: str | None, parallel: int | None) -> "Wanted":
    from cribsheet.serve.engines import Wanted

    place = model_place(frozen, model=model, api_base=api_base)

    def opened() -> Model:
        return open_model(place.name, api_base=place.api_base, context_window=place.context_window, parallel=parallel)

    return Wanted(place, opened)


def _log_to_stderr() -> None:
    """Show the log of the server, and of the library that it runs on, on standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name, level in (("cribsheet.serve", logging.INFO), ("uvicorn", logging.WARNING)):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(level)
