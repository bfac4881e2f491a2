"""Quote the evidence for an answer, then answer from it."""

import dspy

from cribsheet import Unanswerable


class FindEvidence(dspy.Signature):
    """Quote the sentence of the context that answers the question, or say unanswerable."""

    question: str = dspy.InputField()
    context: str = dspy.InputField()
    evidence: str | Unanswerable = dspy.OutputField(desc="a sentence of the context, word for word")


class AnswerFromEvidence(dspy.Signature):
    """Answer the question from the evidence alone, or say unanswerable."""

    question: str = dspy.InputField()
    evidence: str | Unanswerable = dspy.InputField()
    answer: str | Unanswerable = dspy.OutputField(desc="the shortest phrase of the evidence that answers")
