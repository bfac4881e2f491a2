"""Read the test rows beside a frozen file, as examples to try."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cribsheet.errors import FrozenFileError
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.tested import TestedRow, path_beside, read_tested
from cribsheet.signature import Signature


class Examples(NamedTuple):
    """Rows to try, or why there are none."""

    rows: Sequence[dict[str, Any]]
    """Each with its `inputs`, the accepted values of its `outputs`, and its recorded `scores`."""
    problem: str
    """Why there are none; empty if there are."""


def examples_of(path: Path, frozen: FrozenProgram, signature: Signature) -> Examples:
    """Return the test rows of a file."""
    if frozen.results.tested is None:
        return Examples((), "The file has no test rows beside it.")
    try:
        rows = read_tested(path, frozen)
    except FrozenFileError as error:
        if not path_beside(path).exists():
            return Examples((), f"There is no {path_beside(path).name} beside the file, which has the test rows.")
        return Examples((), str(error))
    return Examples([_shown(row) for row in rows if _fits(row, signature)], "")


def _fits(row: TestedRow, signature: Signature) -> bool:
    try:
        row.row(signature)
    except ValueError:
        return False
    return True


def _shown(row: TestedRow) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(row.model_dump_json(include={"inputs", "outputs", "scores"}))
    return shown
