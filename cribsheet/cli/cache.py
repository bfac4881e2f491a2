"""The command `cache`."""

from pathlib import Path
from typing import Any

import click

from cribsheet.cli._command import Command, Group, json_option
from cribsheet.cli._terminal import print_json, stdout
from cribsheet.models.cache import CacheStats, CompletionCache
from cribsheet.report.tables import facts_table
from cribsheet.text import counted, megabytes
from cribsheet.workspace import current_workspace


@click.group("cache", cls=Group, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Show or clear the workspace's completion cache.

    \b
    Example:
      cribsheet cache
      cribsheet cache clear --yes
    """
    if context.invoked_subcommand is None:
        context.invoke(show)


@command.command("show", cls=Command)
@json_option
def show(as_json: bool = False) -> None:
    """Show where the cache is and how large it is."""
    directory = _directory()
    stats = _stats(directory)
    facts: dict[str, Any] = {"directory": str(directory), "entries": stats.entries, "bytes": stats.bytes}
    if as_json:
        print_json(facts)
        return
    shown = {"directory": str(directory), "entries": f"{stats.entries:,}", "size": megabytes(stats.bytes)}
    stdout().print(facts_table(shown))


@command.command("clear", cls=Command)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def clear(yes: bool) -> None:
    """Remove all cached completions; later commands have to ask the model again."""
    directory = _directory()
    stats = _stats(directory)
    if not yes:
        click.confirm(f"Remove {counted(stats.entries, 'entry', 'entries')} from {directory}?", abort=True, err=True)
    cache = CompletionCache(directory)
    removed = cache.clear()
    cache.close()
    click.echo(f"Removed {counted(removed, 'entry', 'entries')} from {directory}.")


def _directory() -> Path:
    return current_workspace().cache


def _stats(directory: Path) -> CacheStats:
    """Return the size of the cache, without creating a cache if there is none."""
    if not directory.is_dir():
        return CacheStats(0, 0)
    cache = CompletionCache(directory)
    stats = cache.stats()
    cache.close()
    return stats
