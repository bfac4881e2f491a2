"""Find the people, organisations and places that a Chinese text names."""

import dspy


class EntitiesZh(dspy.Signature):
    """列出这段文字提到的人物、机构和地点，按原文书写。"""

    text: str = dspy.InputField()
    people: list[str] = dspy.OutputField()
    organisations: list[str] = dspy.OutputField()
    places: list[str] = dspy.OutputField()
