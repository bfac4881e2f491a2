"""Sum up a short Chinese text."""

import dspy


class SummarizeZh(dspy.Signature):
    """用一句话概括这段文字。"""

    text: str = dspy.InputField()
    summary: str = dspy.OutputField()
