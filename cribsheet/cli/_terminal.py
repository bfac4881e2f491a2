"""Where commands write: results to standard output, all else to standard error."""

import json

import click
from rich.console import Console


def stdout() -> Console:
    """Return standard output for tables; markup is off, for prompts are full of brackets."""
    return Console(markup=False, highlight=False, emoji=False)


def stderr() -> Console:
    """Return standard error for what is said on the way."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def note(text: str) -> None:
    """Say something that is no result."""
    click.echo(text, err=True)


def print_json(value: object) -> None:
    """Print a result for machines."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
