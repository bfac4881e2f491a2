"""Fit a calibration on what a candidate answered."""

from collections.abc import Sequence

from cribsheet.corrections.calibration import Calibration, batch_calibration
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.search.candidate import Candidate

MIN_BATCH = 6
"""The fewest rows that biases are fitted on."""


class CalibrationFitter:
    """Fits the biases on the rows' log-probabilities; no label is used (Zhou et al. 2023, arXiv:2309.17249)."""

    kind = "calibration"

    def suits(self, results: Sequence[RowResult]) -> bool:
        """Tell whether outcomes were decided by log-probabilities."""
        return decides(results)

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> Calibration | None:
        """Return the calibration; None if fewer than `MIN_BATCH` rows were decided by log-probabilities."""
        calls = [call for row in results for call in row.calls if call.predictor == predictor]
        logprobs = [call.answer.logprobs for call in calls if call.answer.logprobs is not None]
        return batch_calibration(logprobs) if len(logprobs) >= MIN_BATCH else None


def decides(results: Sequence[RowResult]) -> bool:
    """Tell whether some outcome of these results was decided by log-probabilities."""
    return any(call.answer.logprobs is not None for row in results for call in row.calls)
