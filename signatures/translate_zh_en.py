"""Translate from Chinese into English."""

import dspy


class TranslateZhEn(dspy.Signature):
    """Translate the Chinese sentence into English."""

    chinese: str = dspy.InputField()
    english: str = dspy.OutputField()
