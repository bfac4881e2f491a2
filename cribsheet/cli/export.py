"""The command `export`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cribsheet.cli._command import Command, check_spares
from cribsheet.cli._programs import chosen_prompts
from cribsheet.cli._terminal import note, print_exactly
from cribsheet.cli._training import exported, given_training, training_options
from cribsheet.cli._verifying import verify_options, wanted_verification
from cribsheet.errors import FrozenFileError
from cribsheet.export import TARGETS, WHOLE, Export, Source
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.sealing import read
from cribsheet.frozen.tested import path_beside


@click.command("export", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, type=click.Choice(list(TARGETS)), help="The program that will use it.")
@click.option("--prompt", metavar="NAME", help="The prompt to export, if the file has several.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write.  [default: standard output]")
@verify_options
@training_options
def command(file: Path, *, target: str, prompt: str | None, out: Path | None, **options: Any) -> None:
    """Write the frozen prompt in FILE for use without Cribsheet.

    Instructions for its use, and what it cannot carry, are printed to standard error.

    \b
    Example:
      cribsheet export sentiment.prompt.json --to ollama --out Modelfile
      cribsheet export sentiment.prompt.json --to openai > request.json
      cribsheet export sentiment.prompt.json --to python --out sentiment.py --verify
      cribsheet export sentiment.prompt.json --to ollama --out Modelfile --verify
      cribsheet export sentiment.prompt.json --to sft --rows trainset.jsonl --out train.jsonl
    """
    check_spares({"--out": out}, (file, path_beside(file), *(options[name] for name in ("data", "rows", "traces"))))
    verification = wanted_verification(file, out, options)
    program = read(file)
    chosen = chosen_prompts(program, prompt)
    if len(chosen) > 1 and target not in WHOLE:
        raise click.UsageError(f"{file} has several prompts. Name one with --prompt: {', '.join(chosen)}.")
    name = _prompt(chosen, target)
    source = Source(program, name or "", str(out) if out else None)
    if verification:
        verification.check(target, source)
    made = exported(source, target, given_training(target, options))
    _save(made, out)
    for line in (made.score, made.usage, *(f"Note: {caveat}" for caveat in made.caveats)):
        note(line)
    if verification and not verification.run(target, source, made.carriage).holds:
        raise click.exceptions.Exit(1)


def _save(exported: Export, out: Path | None) -> None:
    if out is None:
        _check_is_one_file(exported)
        print_exactly(exported.text)
        return
    for path, text in _files(exported, out).items():
        _write(path, text)
        note(f"Wrote {path}.")


def _check_is_one_file(exported: Export) -> None:
    if exported.files:
        raise click.UsageError(
            f"{exported.target} needs the further files {', '.join(exported.files)}. Say where to write them: "
            f"--out {exported.file_name}."
        )


def _files(exported: Export, out: Path) -> dict[Path, str]:
    """Return what to write where.

    The further files may replace others only if `out` is from the same target, whose files they then are.
    """
    further = {out.parent / name: text for name, text in exported.files.items()}
    others = [path for path, text in further.items() if path.exists() and _content(path) != text]
    is_ours = f"cribsheet export --to {exported.target}" in _content(out).partition("\n")[0]
    if others and not is_ours:
        raise FrozenFileError(
            f"{others[0]} already exists and was not written by this export; refusing to overwrite it. Delete it, or "
            "choose another place with --out."
        )
    return {out: exported.text, **further}


def _content(path: Path) -> str:
    """Return what a file holds; empty if that cannot be read. A device may have no end, so it is not read."""
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _prompt(chosen: Mapping[str, FrozenPrompt], target: str) -> str | None:
    """Return which prompt is exported; None for the whole program."""
    return None if target in WHOLE and len(chosen) > 1 else next(iter(chosen))


def _write(out: Path, text: str) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except UnicodeEncodeError:  # the text has the name in it
        raise FrozenFileError(f"{out} is a name that is not UTF-8, as the file itself is. Choose another.") from None
    except OSError as error:
        raise FrozenFileError(f"{out} cannot be written: {error.strerror}. Choose another place with --out.") from None
