"""A correction of a user's own, its fitter, and rows on which it helps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from cribsheet.corrections import Answer, Asked, Correction
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.models import Completer
from cribsheet.search.candidate import Candidate
from cribsheet.signature import Signature
from studies import numbered


class Decreed(Correction):
    """Answers one outcome if the input has a word in it."""

    kind: Literal["decreed"] = "decreed"
    word: str
    """What the input has to contain."""
    outcome: str
    """What is then answered."""

    label: ClassVar[str] = "decreed"

    def apply(self, answer: Answer, asked: Asked, model: Completer) -> Answer:
        if not any(self.word in str(value) for value in asked.inputs.values()):
            return answer
        return replace(answer, outputs={"sentiment": self.outcome}, shares=None, probability=None)

    def describe(self) -> Mapping[str, str]:
        return {"decreed": f"{self.outcome} if the input contains {self.word}"}

    def caveat(self, signature: Signature) -> str:
        return f"Cribsheet answers {self.outcome} if the input contains {self.word}. Here nothing does."


class DecreedFitter:
    """Fits the toy, to the same word whatever the rows."""

    kind = "decreed"

    def suits(self, results: Sequence[RowResult]) -> bool:
        return bool(results)

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> Decreed:
        return Decreed(word="lovely", outcome="positive")


REVIEWS = [
    Row({"text": f"{review.inputs['text']} {'lovely' if number % 3 == 0 else 'of it'}"}, {"sentiment": (outcome,)})
    for number, review in enumerate(numbered(128))
    for outcome in ["positive" if number % 3 == 0 or number % 2 == 0 else "negative"]
]
"""A third of these is lovely, and so positive; of the others, those of an even number are positive."""
