"""Answer a question from a text, or say that the text has no answer."""

import dspy

from cribsheet import Unanswerable


class GroundedQA(dspy.Signature):
    """Answer the question from the context alone, or say unanswerable."""

    question: str = dspy.InputField()
    context: str = dspy.InputField()
    answer: str | Unanswerable = dspy.OutputField(desc="the shortest phrase of the context that answers")
