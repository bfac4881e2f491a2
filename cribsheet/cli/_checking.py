"""Prepare the comparison of a recorded score with the score now."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cribsheet.carriage import Carriage
from cribsheet.cli._programs import Runnable
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.sampling import Taken
from cribsheet.errors import FrozenFileError
from cribsheet.evaluation.drift import Drift, drift_by_row, drift_on_other_rows
from cribsheet.evaluation.evaluate import Evaluation
from cribsheet.frozen.tested import TestedRow, read_tested
from cribsheet.signature import REASONING
from cribsheet.workspace import Workspace

Comparison = Callable[[Evaluation], Drift]
"""Compares an evaluation of the rows with the recorded score."""


def rows_to_check(
    file: Path, program: Runnable, carriage: Carriage, workspace: Workspace, options: Mapping[str, Any]
) -> tuple[Sequence[Row], Comparison]:
    """Return the rows to score, as many as the options take, and the comparison to make.

    The rows are those of `--data`, or else the recorded test rows, which are compared row by row.

    Raises:
        DataError: the rows of `--data` cannot be read.
        FrozenFileError: the recorded rows cannot be read, or there is no score under that carriage.
    """
    if options["data"]:
        rows = rows_of_data(program, workspace, options)
        recorded = program.frozen.results.carriages.get(carriage)
        if recorded is None:
            raise FrozenFileError(f"{file} has no score under the carriage {carriage}. Compile again.")
        return rows, lambda now: drift_on_other_rows(recorded, now)
    tested = _taken(options).of(read_tested(file, program.frozen))
    if any(carriage not in row.scores for row in tested):
        raise FrozenFileError(f"The test rows have no score under the carriage {carriage}. Compile again.")
    before, groups = [row.scores[carriage] for row in tested], [row.group for row in tested]
    return _rows(tested, program), lambda now: drift_by_row(before, groups, now)


def rows_of_data(program: Runnable, workspace: Workspace, options: Mapping[str, Any]) -> Sequence[Row]:
    """Return the rows of `--data`, read and taken as the options say.

    Raises:
        DataError: they cannot be read.
    """
    return load_rows(
        workspace.trainset(options["data"]),
        program.signature.with_outputs(program.between),
        mapping=options["mapping"],
        optional=[REASONING, *(field.name for field in program.between)],
        allow_empty=options["allow_empty"],
        labels=options["labels"],
        taken=_taken(options),
    )


def _taken(options: Mapping[str, Any]) -> Taken:
    """Return which rows `--limit`, `--sample` and `--seed` take; a seed without a sample would have no effect."""
    sample, seed = options.get("sample"), options.get("seed")
    if seed is not None and sample is None:
        raise click.UsageError("--seed is about --sample. Give --sample too, or leave --seed out.")
    return Taken(options["limit"], sample, seed or 0)


def _rows(tested: Sequence[TestedRow], program: Runnable) -> Sequence[Row]:
    try:
        return [row.row(program.signature) for row in tested]
    except ValueError as error:
        raise FrozenFileError(f"A recorded test row does not fit the signature: {error}. Compile again.") from None
