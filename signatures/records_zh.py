"""Turn a free Chinese text into a record of a person."""

import dspy

from signatures.records import Person


class RecordsZh(dspy.Signature):
    """记下这段文字中人物的姓名、年龄、城市和职业。"""

    text: str = dspy.InputField()
    person: Person = dspy.OutputField()
