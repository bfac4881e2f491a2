"""Sort a Chinese news item by its topic."""

from typing import Literal

import dspy


class TopicZh(dspy.Signature):
    """判断这条新闻的主题：国际、体育、财经或科技。"""

    text: str = dspy.InputField()
    topic: Literal["国际", "体育", "财经", "科技"] = dspy.OutputField()
