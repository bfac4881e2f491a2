"""Prepare the comparison of a recorded score with the score now."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cribsheet.carriage import Carriage
from cribsheet.cli._programs import Runnable
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
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
    """Return the rows to score, at most `--limit`, and the comparison to make.

    The rows are those of `--data`, or else the recorded test rows, which are compared row by row.

    Raises:
        DataError: the rows of `--data` cannot be read.
        FrozenFileError: the recorded rows cannot be read, or there is no score under that carriage.
    """
    limit = options["limit"]
    if options["data"]:
        rows = rows_of_data(program, workspace, options)
        recorded = program.frozen.results.carriages.get(carriage)
        if recorded is None:
            raise FrozenFileError(f"{file} has no score under the carriage {carriage}. Compile again.")
        return rows, lambda now: drift_on_other_rows(recorded, now)
    tested = read_tested(file, program.frozen)[:limit]
    if any(carriage not in row.scores for row in tested):
        raise FrozenFileError(f"The test rows have no score under the carriage {carriage}. Compile again.")
    before, groups = [row.scores[carriage] for row in tested], [row.group for row in tested]
    return _rows(tested, program), lambda now: drift_by_row(before, groups, now)


def rows_of_data(program: Runnable, workspace: Workspace, options: Mapping[str, Any]) -> Sequence[Row]:
    """Return the rows of `--data`, read as `--map` and `--allow-empty` say, at most `--limit`.

    Raises:
        DataError: they cannot be read.
    """
    rows = load_rows(
        workspace.trainset(options["data"]),
        program.signature.with_outputs(program.between),
        mapping=options["mapping"],
        optional=[REASONING, *(field.name for field in program.between)],
        allow_empty=options["allow_empty"],
    )
    return rows[: options["limit"]]


def _rows(tested: Sequence[TestedRow], program: Runnable) -> Sequence[Row]:
    try:
        return [row.row(program.signature) for row in tested]
    except (KeyError, ValueError) as error:
        raise FrozenFileError(f"A recorded test row does not fit the signature: {error}. Compile again.") from None
