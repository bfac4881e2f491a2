"""Grounded question answering in two steps: quote the evidence, then answer from it or abstain."""

from typing import Any

import dspy

from cribsheet import Task, answer_f1
from signatures.evidence_qa import AnswerFromEvidence, FindEvidence


class AnswerWithEvidence(dspy.Module):
    """A program with two predictors, the second of which sees only the evidence."""

    def __init__(self) -> None:
        super().__init__()
        self.find = dspy.Predict(FindEvidence)
        self.answer = dspy.Predict(AnswerFromEvidence)

    def forward(self, question: str, context: str) -> dspy.Prediction:
        """Answer one question from one context."""
        evidence = self.find(question=question, context=context).evidence
        answer = self.answer(question=question, evidence=evidence).answer
        return dspy.Prediction(evidence=evidence, answer=answer)


def answer_alone_f1(example: Any, prediction: Any, trace: object = None) -> float:
    """Score the answer and not the evidence."""
    return answer_f1(example.without("evidence"), prediction)


task = Task(AnswerWithEvidence, metric=answer_alone_f1, trainset="evidence_qa.jsonl")
