"""Translate from English into Chinese."""

import dspy


class TranslateEnZh(dspy.Signature):
    """Translate the English sentence into Chinese."""

    english: str = dspy.InputField()
    chinese: str = dspy.OutputField()
