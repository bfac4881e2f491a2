"""Answer all rows of a JSONL file."""

from contextlib import closing
from pathlib import Path

import click

from cribsheet.cli._display import Display
from cribsheet.cli._inputs import emptiness, empty_input
from cribsheet.cli._programs import Runnable
from cribsheet.cli._terminal import note
from cribsheet.dataset.asked import ERROR, AskedRow, Row, answered_line, asked_rows, error_name
from cribsheet.dataset.jsonl_files import opened, write_row
from cribsheet.errors import DataError, ProgramError, PromptError
from cribsheet.executor import Threads
from cribsheet.layout.parsing import ParseFailure
from cribsheet.models import Model
from cribsheet.outcomes import to_json
from cribsheet.signature import with_defaults


def answer_file(program: Runnable, model: Model, *, source: Path, out: Path | None, display: Display) -> None:
    """Write each row of a JSONL file with its outputs, or with an `error`, as soon as it is answered.

    If a row or the program has a field `error`, errors get another name, which a note tells. If a row has an error,
    the command exits with 1 once all rows are written.

    Raises:
        DataError: if a line is not JSON (checked before any row is answered), or the file cannot be written.
        ModelError: if the model fails; rows that were answered stay in the file.
    """
    if out and out.exists() and source.exists() and out.samefile(source):
        raise click.UsageError(f"--out {out} is the same file as --jsonl. Name another file.")
    rows = asked_rows(source, program.signature.inputs)
    error = error_name((row.values for row in rows), program.signature.output_names)
    if error != ERROR:
        note(f"Note: the field {ERROR!r} is taken, so {error!r} says why a row has no outputs.")
    failures: list[str] = []
    answers = Threads(model.parallel).map(lambda row: _answer(program, model, row, error), rows)
    # Closed here, so that no row is still being answered when the model is closed after an error.
    with opened(out) as file, closing(answers):
        for done, answer in enumerate(answers, 1):
            write_row(file, answer, out)
            failures += [answer[error]] if error in answer else []
            display.advance(spent=done, limit=len(rows), best=None)
    note(answered_line(failures, rows=len(rows), out=out))
    if failures:
        raise click.exceptions.Exit(1)


def _answer(program: Runnable, model: Model, row: AskedRow, error: str) -> Row:
    """Return the row with its outputs, or with the reason in the field `error`."""
    rest = {name: value for name, value in row.values.items() if name not in program.signature.output_names}
    if row.problem:
        return {**rest, error: row.problem}
    given = with_defaults(program.signature.inputs, row.values)
    try:
        inputs = {field.name: field.coerce(given[field.name]) for field in program.signature.inputs}
    except ValueError as failure:  # a default that its own type does not allow
        return {**rest, error: str(failure)}
    if empty := empty_input(program, inputs):
        return {**rest, error: emptiness(empty.name, empty)}
    try:
        outputs = program.answer(inputs, model).outputs
    except (DataError, ProgramError, PromptError) as failure:
        return {**rest, error: str(failure)}
    if isinstance(outputs, ParseFailure):
        return {**rest, error: f"the completion cannot be read: {outputs.reason}"}
    return {**rest, **{name: to_json(value) for name, value in outputs.items()}}
