"""Solve a word problem."""

import dspy


class Arithmetic(dspy.Signature):
    """Solve the problem; the answer is a number."""

    question: str = dspy.InputField(desc="a word problem")
    answer: float = dspy.OutputField()
