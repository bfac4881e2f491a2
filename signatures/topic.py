"""Sort a news item by its topic."""

from typing import Literal

import dspy


class Topic(dspy.Signature):
    """Say whether the text is about world, sports, business or technology news."""

    text: str = dspy.InputField(desc="a headline, or a headline and what follows")
    topic: Literal["world", "sports", "business", "technology"] = dspy.OutputField()
