"""Tell the sentiment of a Chinese text."""

from typing import Literal

import dspy


class SentimentZh(dspy.Signature):
    """判断这段文字的情感：正面、中性或负面。"""

    text: str = dspy.InputField()
    sentiment: Literal["negative", "neutral", "positive"] = dspy.OutputField()
