"""Sum up a short text."""

import dspy


class Summarize(dspy.Signature):
    """Sum up the text in one sentence."""

    text: str = dspy.InputField(desc="a notice, a letter or a report of a few sentences")
    summary: str = dspy.OutputField()
