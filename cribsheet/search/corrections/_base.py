"""The contract of a fitter, which learns a correction from a candidate's rows."""

from collections.abc import Sequence
from typing import Protocol

from cribsheet.corrections import Correction
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.search.candidate import Candidate


class Fitter(Protocol):
    """Fits one kind of correction. The correction itself is in `cribsheet.corrections`, in a file of the same name."""

    @property
    def kind(self) -> str:
        """The kind of the correction, as `CORRECTIONS` lists it."""

    def suits(self, results: Sequence[RowResult]) -> bool:
        """Tell whether this kind of correction applies to these results."""

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> Correction | None:
        """Return the correction of one predictor's prompt; None if the prompt should have none of this kind.

        `results` are the answers of `candidate`, which has all corrections that are applied before this one.
        """
