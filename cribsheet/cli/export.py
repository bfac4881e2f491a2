"""The command `export`."""

from collections.abc import Mapping
from pathlib import Path

import click

from cribsheet.cli._command import Command
from cribsheet.cli._programs import chosen_prompts
from cribsheet.cli._terminal import note, print_exactly
from cribsheet.errors import FrozenFileError
from cribsheet.export import TARGETS, WHOLE, export
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.sealing import read


@click.command("export", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, type=click.Choice(list(TARGETS)), help="What it is for.")
@click.option("--prompt", metavar="NAME", help="Which prompt, where the file holds several.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to write it; standard output by default.")
def command(file: Path, *, target: str, prompt: str | None, out: Path | None) -> None:
    """Write the frozen prompt in FILE for use without Cribsheet.

    How to use it, and what it cannot carry, goes to standard error.

    \b
    Example:
      cribsheet export sentiment.prompt.json --to ollama --out Modelfile
      cribsheet export sentiment.prompt.json --to openai > request.json
    """
    program = read(file)
    chosen = chosen_prompts(program, prompt)
    if len(chosen) > 1 and target not in WHOLE:
        raise click.UsageError(f"{file} holds several prompts. Name one with --prompt: {', '.join(chosen)}.")
    exported = export(program, target, prompt=_prompt(chosen, target), path=str(out) if out else None)
    if out is None:
        print_exactly(exported.text)
    else:
        _write(out, exported.text)
        note(f"Wrote {out}.")
    note(exported.score)
    note(exported.usage)
    for caveat in exported.caveats:
        note(f"Note: {caveat}")


def _prompt(chosen: Mapping[str, FrozenPrompt], target: str) -> str | None:
    """Return which prompt is exported; None for the whole program."""
    return None if target in WHOLE and len(chosen) > 1 else next(iter(chosen))


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FrozenFileError(f"{out} cannot be written: {error.strerror}. Choose another place with --out.") from None
