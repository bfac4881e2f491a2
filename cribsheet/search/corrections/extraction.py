"""Choose the input that written answers are extracted from."""

from collections.abc import Sequence
from statistics import fmean

from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.outcomes import is_absent
from cribsheet.search.candidate import Candidate
from cribsheet.signature import Signature
from cribsheet.text import is_grounded

_LEAST_ROWS, _NEARLY_ALL = 8, 0.9


class NoExtraction:
    """Removes extraction, so that answers stay as they were written."""

    kind = "extraction"

    def suits(self, results: Sequence[RowResult]) -> bool:
        """Tell whether some answer was extracted."""
        changes = (change for row in results for call in row.calls for change in call.answer.changes)
        return any(change.by == self.kind for change in changes)

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> None:
        """Return None, which removes extraction from the prompt."""


def source_of(signature: Signature, rows: Sequence[Row]) -> str | None:
    """Return the input that contains the output's value in nearly all rows; None if there is none.

    None too if there are several outputs, if the output is no text, or if fewer than 8 rows have an answer.
    """
    (field, *others) = signature.outputs
    if others or not field.type.is_text:
        return None
    written = [row for row in rows if _is_written(row, field.name)]
    if len(written) < _LEAST_ROWS:
        return None
    names = [one.name for one in signature.inputs if one.type.is_text and all(one.name in r.inputs for r in written)]
    shares = {name: fmean(_holds_answer(row, field.name, name) for row in written) for name in names}
    best = max(shares, key=shares.__getitem__, default=None)
    return best if best is not None and shares[best] >= _NEARLY_ALL else None


def _is_written(row: Row, output: str) -> bool:
    return output in row.outputs and not is_absent(row.outputs[output][0])


def _holds_answer(row: Row, output: str, name: str) -> bool:
    """Tell whether an input of a row contains one of the row's accepted answers."""
    return any(is_grounded(value, str(row.inputs[name])) for value in row.outputs[output])
