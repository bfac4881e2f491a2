"""The base of all commands: their exit codes, their shared options."""

import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import click

from cribsheet.cli._arguments import argument_text, check_names, check_no_nul
from cribsheet.cli._streams import any_text, note
from cribsheet.errors import CribsheetError, deed
from cribsheet.evaluation.places import place_of

INTERRUPTED = 130
"""The exit code after Ctrl-C, as in shells: 128 plus the number of SIGINT."""
LONGEST_TIMEOUT = 1_000_000
"""The most seconds that one request may take."""


class Command(click.Command):
    """A command that shows an error as one message and exits with 1, or with 2 for wrong usage."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command as the main program."""
        with any_text():
            return super().main(*args, **options)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read its arguments."""
        check_no_nul(args, ctx)
        rest = super().parse_args(ctx, args)
        check_names(self, ctx)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and convert its errors to messages."""
        try:
            with _warnings_in_one_line():
                return super().invoke(ctx)
        except CribsheetError as error:
            raise click.ClickException(str(error)) from error
        except SystemExit as error:
            if not (place := place_of(error)):  # rich's, since the reader of a pipe went away
                raise
            raise click.ClickException(
                f"Code that this command ran {deed(error)} ({place}). Remove that call, or raise an exception instead."
            ) from error
        except KeyboardInterrupt:
            note("Stopped by Ctrl-C.")
            raise click.exceptions.Exit(INTERRUPTED) from None


class Group(Command, click.Group):
    """A group of commands, with the same exit codes."""


class PairsType(click.ParamType):  # type: ignore[type-arg]  # generic in some releases of click
    """The type of an option that holds pairs: `left=right,…`."""

    def convert(
        self, value: str | Mapping[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Mapping[str, str]:
        """Return the right part by the left one."""
        if not isinstance(value, str):
            return value
        try:
            return self.parsed(argument_text(value))
        except CribsheetError as error:
            self.fail(str(error), param, ctx)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)

    def parsed(self, text: str) -> Mapping[str, str]:
        """Return the pairs of a text; CribsheetError if it cannot be read."""
        raise NotImplementedError


class MappingType(PairsType):
    """The type of `--map`: `column=field,…`."""

    name = "mapping"

    def parsed(self, text: str) -> Mapping[str, str]:
        """Return the field of each column."""
        # Imported only here, because it imports pydantic, which `--help` does not need.
        from cribsheet.dataset.columns import parse_mapping

        return parse_mapping(text)


class LabelsType(PairsType):
    """The type of `--labels`: `value=label,…`."""

    name = "labels"

    def parsed(self, text: str) -> Mapping[str, str]:
        """Return the label of each value."""
        from cribsheet.dataset.labels import parse_labels  # imports pydantic, too

        return parse_labels(text)


class SecondsType(click.FloatRange):
    """The type of `--timeout`: more than 0 seconds, and no more than a socket can count."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0, max=LONGEST_TIMEOUT, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds; NaN, which is in no range, is refused too."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return seconds


model_option = click.option("--model", metavar="NAME", help="A model to use instead of the compiled one.")
api_base_option = click.option("--api-base", metavar="URL", help="The address of the model's server.")
timeout_option = click.option(
    "--timeout",
    type=SecondsType(),
    default=120.0,
    metavar="SECONDS",
    help="How long a server may take to answer one request.  [default: 120]",
)
context_window_option = click.option(
    "--context-window",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    help="The most tokens of prompt and completion.  [default: what the model reports, else 4096]",
)
map_option = click.option(
    "--map",
    "mapping",
    type=MappingType(),
    default={},
    metavar="COLUMN=FIELD,…",
    help="The field of each column whose name differs from its field.",
)
labels_option = click.option(
    "--labels",
    type=LabelsType(),
    default={},
    metavar="VALUE=LABEL,…",
    help="The label of each value that stands for one, such as 0=negative,1=positive.",
)
sample_option = click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Take N rows at random, of the first --limit rows if given.",
)
seed_of_sample_option = click.option("--seed", type=int, metavar="N", help="The seed of --sample.  [default: 0]")
allow_empty_option = click.option("--allow-empty", is_flag=True, help="Allow empty texts in the rows.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON to standard output.")


def check_spares(written: Mapping[str, Path | None], read: Iterable[Path | None]) -> None:
    """Raise UsageError if an option of `written` would have a file written over that the command reads."""
    inputs = [path for path in read if path and os.path.exists(path)]  # `Path.exists` raises if a folder is closed
    for option, path in written.items():
        if path and os.path.exists(path) and any(path.samefile(own) for own in inputs):
            raise click.UsageError(f"{option} {path} is a file that this command reads. Name another file.")


def check_about_rows(options: Mapping[str, Any], rows: Literal["data", "rows"]) -> None:
    """Refuse `--map`, `--labels` and `--allow-empty` without the option that names the rows: they have no effect."""
    for name, option in (("mapping", "--map"), ("labels", "--labels"), ("allow_empty", "--allow-empty")):
        if options[name] and options[rows] is None:
            raise click.UsageError(f"{option} is about the rows of --{rows}. Give --{rows} too, or leave {option} out.")


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show a warning without the place in the code, which users do not need."""

    def show(message: Warning | str, *_where: Any, **_line: Any) -> None:
        note(f"Warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
