"""The command `models`."""

from typing import Any

import click
from rich.table import Table

from cribsheet.cli._command import Command, Group, json_option
from cribsheet.cli._display import open_display
from cribsheet.cli._terminal import print_json, stdout
from cribsheet.models import weights
from cribsheet.text import megabytes


@click.group("models", cls=Group, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List or fetch the weights of embedded models.

    \b
    Example:
      cribsheet models
      cribsheet models pull smollm2-360m
      cribsheet models pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF/qwen2.5-0.5b-instruct-q4_k_m.gguf
    """
    if context.invoked_subcommand is None:
        context.invoke(show)


@command.command("list", cls=Command)
@json_option
def show(as_json: bool = False) -> None:
    """List the weights that are known or on disk."""
    directory = weights.models_directory()
    rows = _rows()
    if as_json:
        print_json({"directory": str(directory), "models": rows})
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2), header_style="dim")
    for heading in ("name", "parameters", "size", "licence", "on disk"):
        table.add_column(heading, overflow="fold", justify="right" if heading in ("parameters", "size") else "left")
    for row in rows:
        table.add_row(row["model"], _parameters(row), _size(row), row["licence"], "yes" if row["path"] else "no")
    stdout().print(table)
    click.echo(f"On disk means {directory}. Served models, such as ollama_chat/NAME, are not listed.")


@command.command("pull", cls=Command)
@click.argument("spec", metavar="NAME|PATH|hf:REPO/FILE")
def pull(spec: str) -> None:
    """Download weights, or copy a GGUF file to the models directory."""
    with open_display("bytes") as display:
        path = weights.pull(spec, directory=weights.models_directory(), progress=display.download)
    name = next(found.name for found in weights.on_disk(path.parent) if found.path == path)
    click.echo(f"embedded/{name} is at {path}.")


@command.command("path", cls=Command)
@click.argument("name", metavar="NAME")
def path(name: str) -> None:
    """Print the path of the weights of NAME, for other programs.

    \b
    Example:
      llama-server -m "$(cribsheet models path smollm2-135m)" -c 4096
    """
    click.echo(weights.path_of(name.removeprefix("embedded/"), directory=weights.models_directory()))


def _rows() -> list[dict[str, Any]]:
    """Return the known weights, followed by other weights on disk."""
    found = {one.name: one for one in weights.on_disk(weights.models_directory())}
    rows = []
    for entry in weights.known():
        here = found.pop(entry.name, None)
        rows.append(
            {
                "model": f"embedded/{entry.name}",
                "parameters": entry.parameters,
                "bytes": here.bytes if here else entry.size,
                "licence": entry.licence,
                "path": str(here.path) if here else None,
            }
        )
    for other in found.values():
        row = {"model": f"embedded/{other.name}", "parameters": None, "bytes": other.bytes, "licence": "unknown"}
        rows.append({**row, "path": str(other.path)})
    return rows


def _parameters(row: dict[str, Any]) -> str:
    return f"{row['parameters'] / 1e6:,.0f} M" if row["parameters"] else ""


def _size(row: dict[str, Any]) -> str:
    return megabytes(row["bytes"]) if row["bytes"] else ""
