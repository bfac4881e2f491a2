"""Compare a frozen file's recorded score with the score now."""

from collections.abc import Mapping, Sequence
from typing import Any

from cribsheet.carriage import Carriage
from cribsheet.cli._programs import Runnable
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.errors import FrozenFileError
from cribsheet.evaluation.drift import Drift, drift
from cribsheet.evaluation.evaluate import Evaluation
from cribsheet.frozen.tested import TestedRow
from cribsheet.signature import REASONING
from cribsheet.workspace import Workspace


def rows_to_check(
    program: Runnable, tested: Sequence[TestedRow], workspace: Workspace, options: Mapping[str, Any]
) -> Sequence[Row]:
    """Return the rows to score, at most `--limit`: those of `--data`, or else the recorded ones.

    Raises:
        DataError: the rows of `--data` cannot be read.
        FrozenFileError: a recorded row does not fit the signature.
    """
    if options["data"]:
        path = workspace.trainset(options["data"])
        rows = load_rows(path, program.signature, mapping=options["mapping"], optional=[REASONING])
        return rows[: options["limit"]]
    try:
        return [row.row(program.signature) for row in tested[: options["limit"]]]
    except (KeyError, ValueError) as error:
        raise FrozenFileError(f"A recorded test row does not fit the signature: {error}. Compile again.") from None


def compared(tested: Sequence[TestedRow], now: Evaluation, carriage: Carriage, *, is_paired: bool) -> Drift:
    """Compare the recorded scores under a carriage with an evaluation, by row if it is of the recorded rows.

    Raises:
        FrozenFileError: no score was recorded under that carriage.
    """
    recorded = tested[: len(now.rows)] if is_paired else tested
    if any(carriage not in row.scores for row in recorded):
        raise FrozenFileError(f"The test rows have no score under the carriage {carriage}. Compile again.")
    before = [row.scores[carriage] for row in recorded]
    return drift(before, [row.group for row in recorded], now, is_paired=is_paired)
