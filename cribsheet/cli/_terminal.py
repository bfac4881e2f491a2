"""Output of commands: results to standard output, everything else to standard error."""

import sys

import click
from rich.console import Console

from cribsheet.cli._streams import note
from cribsheet.dataset.jsonl_files import fits, json_text

__all__ = ["note", "print_exactly", "print_json", "stderr", "stdout"]


def stdout() -> Console:
    """Return a console for tables on standard output; markup is off, because prompts contain brackets."""
    return Console(markup=False, highlight=False, emoji=False)


def stderr() -> Console:
    """Return a console for progress on standard error."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def print_json(value: object) -> None:
    """Print a result as JSON."""
    click.echo(json_text(value, sys.stdout, indent=2))


def print_exactly(text: str) -> None:
    """Print exactly this text, in UTF-8 if the encoding of standard output lacks one of its characters."""
    # Only on a terminal, a missing line break is added: otherwise the shell's prompt would follow on the same line.
    ends = sys.stdout.isatty() and not text.endswith("\n")
    if fits(text, sys.stdout):
        click.echo(text, nl=ends)
        return
    click.echo((text + "\n" * ends).encode(), nl=False)
    note(f"Note: standard output ({sys.stdout.encoding}) lacks characters of this text, so it was written in UTF-8.")
