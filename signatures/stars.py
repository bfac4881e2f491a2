"""Decide how many stars a review gives."""

from typing import Literal

import dspy


class Stars(dspy.Signature):
    """Say how many stars from 1 to 5 the review gives."""

    text: str = dspy.InputField(desc="a review of anything")
    stars: Literal[1, 2, 3, 4, 5] = dspy.OutputField()
