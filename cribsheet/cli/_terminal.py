"""Where commands write: results to standard output, all else to standard error."""

import json
import sys
from typing import TextIO

import click
from rich.console import Console

from cribsheet.cli._streams import fits, note
from cribsheet.errors import DataError

__all__ = ["json_text", "note", "print_exactly", "print_json", "standard_input", "stderr", "stdout"]


def stdout() -> Console:
    """Return standard output for tables; markup is off, for prompts are full of brackets."""
    return Console(markup=False, highlight=False, emoji=False)


def stderr() -> Console:
    """Return standard error for what is said on the way."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def print_json(value: object) -> None:
    """Print a result for machines."""
    click.echo(json_text(value, sys.stdout, indent=2))


def json_text(value: object, stream: TextIO, *, indent: int | None = None) -> str:
    """Return JSON that a stream can write as it is: with escapes if its encoding lacks a character."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return text if fits(text, stream) else json.dumps(value, indent=indent)


def print_exactly(text: str) -> None:
    """Print a text for a machine byte by byte: in UTF-8 if the encoding of standard output lacks a character of it."""
    # Through a pipe goes the very text; on a terminal, a line that does not end would swallow the prompt.
    ends = sys.stdout.isatty() and not text.endswith("\n")
    if fits(text, sys.stdout):
        click.echo(text, nl=ends)
        return
    click.echo((text + "\n" * ends).encode(), nl=False)
    note(f"Note: standard output ({sys.stdout.encoding}) lacks characters of this text, so it was written in UTF-8.")


def standard_input() -> bytes:
    """Return all of standard input; DataError if it is closed."""
    if sys.stdin is None:
        raise DataError("Standard input is closed. Send it the text, or give the text itself in place of -.")
    return sys.stdin.buffer.read()
