"""Decide whether an opinion is negative or positive."""

from typing import Literal

import dspy


class Sentiment(dspy.Signature):
    """Say whether the text is negative or positive."""

    text: str = dspy.InputField(desc="an opinion about anything")
    sentiment: Literal["negative", "positive"] = dspy.OutputField()
