"""The command `export`."""

from pathlib import Path

import click

from cribsheet.cli._command import Command
from cribsheet.cli._programs import chosen_prompts
from cribsheet.cli._terminal import note, print_exactly
from cribsheet.errors import FrozenFileError
from cribsheet.export import TARGETS, export
from cribsheet.frozen.sealing import read


@click.command("export", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, type=click.Choice(list(TARGETS)), help="The program that will use it.")
@click.option("--prompt", metavar="NAME", help="The prompt to export, if the file has several.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write.  [default: standard output]")
def command(file: Path, *, target: str, prompt: str | None, out: Path | None) -> None:
    """Write the frozen prompt in FILE for use without Cribsheet.

    Instructions for its use, and what it cannot carry, are printed to standard error.

    \b
    Example:
      cribsheet export sentiment.prompt.json --to ollama --out Modelfile
      cribsheet export sentiment.prompt.json --to openai > request.json
    """
    program = read(file)
    chosen = chosen_prompts(program, prompt)
    if len(chosen) > 1:
        raise click.UsageError(f"{file} has several prompts. Name one with --prompt: {', '.join(chosen)}.")
    exported = export(program, target, prompt=next(iter(chosen)), path=str(out) if out else None)
    if out is None:
        print_exactly(exported.text)
    else:
        _write(out, exported.text)
        note(f"Wrote {out}.")
    note(exported.score)
    note(exported.usage)
    for caveat in exported.caveats:
        note(f"Note: {caveat}")


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except UnicodeEncodeError:  # the text has the name in it
        raise FrozenFileError(f"{out} is a name that is not UTF-8, as the file itself is. Choose another.") from None
    except OSError as error:
        raise FrozenFileError(f"{out} cannot be written: {error.strerror}. Choose another place with --out.") from None
