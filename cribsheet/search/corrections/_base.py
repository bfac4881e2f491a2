"""The contract of a fitter: what learns a correction from a candidate's rows."""

from collections.abc import Sequence
from typing import Protocol

from cribsheet.corrections import Correction
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.search.candidate import Candidate


class Fitter(Protocol):
    """Fits one kind of correction; its run-time half is in `cribsheet.corrections` under the same name."""

    @property
    def kind(self) -> str:
        """The kind of the correction, as `CORRECTIONS` lists it."""

    def suits(self, results: Sequence[RowResult]) -> bool:
        """Tell whether these results can be corrected so."""

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> Correction | None:
        """Return the correction of one predictor's prompt; None if the prompt should have none of this kind.

        `results` are answered by `candidate`, with every correction that comes before this one.
        """
