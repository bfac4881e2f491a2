"""Answer all rows of a JSONL file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cribsheet.cli._display import Display
from cribsheet.cli._programs import Runnable
from cribsheet.cli._terminal import note
from cribsheet.dataset.jsonl import json_objects
from cribsheet.dataset.jsonl_files import opened, read_text, write_row
from cribsheet.errors import DataError, ProgramError, PromptError
from cribsheet.executor import Threads
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Model
from cribsheet.outcomes import Value, to_json
from cribsheet.signature import Signature

Row = dict[str, Any]


def answer_file(program: Runnable, model: Model, *, source: Path, out: Path | None, display: Display) -> None:
    """Write each row of a JSONL file with its outputs, or with an `error`, as soon as it is answered.

    Raises:
        DataError: if a line cannot be read (checked before any row is answered), or the file cannot be written.
        ModelError: if the model fails; rows that were answered stay in the file.
    """
    if out and out.exists() and source.exists() and out.samefile(source):
        raise click.UsageError(f"--out {out} is the same file as --jsonl. Name another file.")
    rows = list(_read(source, program.signature))
    failed = 0
    with opened(out) as file:
        answers = Threads(model.parallel).map(lambda row: _answer(program, model, row), rows)
        for done, (answer, is_answered) in enumerate(answers, 1):
            write_row(file, answer, out)
            failed += not is_answered
            display.advance(spent=done, limit=len(rows), best=None)
    note(f"Answered {len(rows) - failed} of {len(rows)} rows" + (f" into {out}." if out else "."))


def _answer(program: Runnable, model: Model, row: Row) -> tuple[Row, bool]:
    """Return the row with its outputs and True, or with an `error` and False; an output may be named `error`."""
    inputs = {field.name: field.coerce(row[field.name]) for field in program.signature.inputs}
    rest = {name: value for name, value in row.items() if name not in program.signature.output_names}
    try:
        outputs = program.answer(inputs, model).outputs
    except (ProgramError, PromptError) as error:
        return {**rest, "error": str(error)}, False
    if isinstance(outputs, ParseFailure):
        return {**rest, "error": f"the completion cannot be read: {outputs.reason}"}, False
    return {**rest, **{name: to_json(value) for name, value in outputs.items()}}, True


def _read(source: Path, signature: Signature) -> Iterator[Row]:
    where = None
    for where, row in json_objects(read_text(source), str(source)):
        _check(where, row, signature)
        yield row
    if where is None:
        raise DataError(f"{source} has no rows. Write one JSON object per line.")


def _check(where: str, row: Row, signature: Signature) -> None:
    names = [field.name for field in signature.inputs]
    missing = [name for name in names if name not in row]
    if missing:
        raise DataError(
            f"{where}: no field {missing[0]!r}; it has {', '.join(row) or 'none'}. Give each row {', '.join(names)}."
        )
    try:
        values: list[Value] = [field.coerce(row[field.name]) for field in signature.inputs]
        "".join(map(str, values)).encode()  # fails on half a surrogate pair, which would crash later
    except ValueError as error:
        raise DataError(f"{where}: {error}. Correct the row.") from None
