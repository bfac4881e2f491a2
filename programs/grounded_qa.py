"""Grounded question answering with abstention."""

import dspy

from cribsheet import Task, answer_f1
from signatures.grounded_qa import GroundedQA


class AnswerFromContext(dspy.Module):
    """A program with a single predictor."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = dspy.Predict(GroundedQA)

    def forward(self, question: str, context: str) -> dspy.Prediction:
        """Answer one question from one context."""
        return self.answer(question=question, context=context)


task = Task(AnswerFromContext, metric=answer_f1, trainset="grounded_qa.jsonl")
