"""The command `rows`."""

import hashlib
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from cribsheet.cli._command import INTERRUPTED, Command, Group, allow_empty_option
from cribsheet.cli._programs import open_program
from cribsheet.cli._reviewing import Review
from cribsheet.cli._terminal import note
from cribsheet.dataset.calls import Call, Placed, calls_to_review, kept_calls
from cribsheet.dataset.row_files import Dropped, RowFile
from cribsheet.errors import DataError
from cribsheet.frozen.sealing import ENDING
from cribsheet.serve.programs import name_of
from cribsheet.text import shortened
from cribsheet.workspace import current_workspace

_PATH = click.Path(path_type=Path)


@click.group("rows", cls=Group)
def command() -> None:
    """Make rows of a trainset out of the calls that `cribsheet serve --keep FILE` kept.

    \b
    Example:
      cribsheet rows review calls.jsonl --out trainsets/sentiment.jsonl
    """


@command.command("review", cls=Command)
@click.argument("files", type=_PATH, nargs=-1, required=True)
@click.option(
    "--program", type=_PATH, metavar="FILE", help="The frozen file that answered.  [default: NAME.prompt.json]"
)
@click.option("--out", type=_PATH, metavar="FILE", help="The rows, as JSON lines.  [default: NAME.rows.jsonl]")
@allow_empty_option
def review(files: tuple[Path, ...], *, program: Path | None, out: Path | None, allow_empty: bool) -> None:
    """Accept, mend or drop the calls in FILES, the least sure first.

    What you accept or mend is appended to --out at once, so you can stop at any time; the same command then goes on
    with the rest. Inputs that --out has already are not asked again.

    \b
    Example:
      cribsheet rows review calls.jsonl.1 calls.jsonl --out trainsets/sentiment.jsonl
    """
    placed = kept_calls(files)
    program = program or _only_program(placed)
    signature = open_program(program, current_workspace()).signature
    calls = calls_to_review(_of(placed, program), signature)
    out = out or Path(f"{name_of(program)}.rows.jsonl")
    if any(out.exists() and out.samefile(file) for file in files):
        raise click.UsageError(f"--out {out} is one of the files of calls. Name another file.")
    rows = RowFile(out, signature, allow_empty=allow_empty)
    dropped = Dropped(out.with_name(f"{out.name}.dropped"))
    left = [call for call in calls if not (rows.has(call.inputs) or dropped.has(call.inputs))]
    if len(left) < len(calls):
        note(f"{len(calls) - len(left)} of {len(calls)} inputs were reviewed before, or are rows of {out} already.")
    words = ["cribsheet", "rows", "review", *files, "--program", program, "--out", out]
    again = shlex.join([*map(str, words), *(["--allow-empty"] if allow_empty else [])])
    _ask(Review(signature, rows, dropped), left, out=out, again=again)


def _ask(review: Review, left: Sequence[Call], *, out: Path, again: str) -> None:
    """Ask about the calls that are left, and tell what came of them; `again` is the command that goes on."""
    if not left:
        note("Nothing is left to review.")
        return
    done = review.run(left, sys.stdin)
    note(done.told(out))
    if done.left:
        note(f"To go on: {again}")
    if done.is_interrupted:
        raise click.exceptions.Exit(INTERRUPTED)


def _only_program(placed: Sequence[Placed]) -> Path:
    """Return the frozen file of the program that answered all calls, by its name."""
    names = Counter(call.program for _, call in placed)
    if len(names) > 1:
        raise click.UsageError(f"The calls are of several programs, {_counted(names)}. Choose one with --program FILE.")
    (name,) = names
    path = Path(f"{name}{ENDING}")
    if not path.is_file() or path.name != f"{name}{ENDING}":  # a name is no path
        raise DataError(
            f"The calls are of {shortened(name, 60)!r}, and there is no {shortened(name, 60)}{ENDING} in this folder. "
            "Name the frozen file with --program."
        )
    return path


def _of(placed: Sequence[Placed], program: Path) -> list[Placed]:
    """Return the calls of a program, by the name of its file or by the hash of its content."""
    name = name_of(program)
    digest = hashlib.sha256(program.read_bytes()).hexdigest()
    own = [one for one in placed if one.call.program == name or one.call.sha256 == digest]
    others = Counter(one.call.program for one in placed) - Counter(one.call.program for one in own)
    if not own:
        raise DataError(
            f"There is no call of {name!r}, but of {_counted(others)}. Name the frozen file that answered with "
            "--program."
        )
    if others:
        note(f"Calls of other programs are left out: {_counted(others)}.")
    return own


def _counted(names: Counter[str]) -> str:
    return shortened(", ".join(f"{name} ({count})" for name, count in names.items()))
