"""Estimate token counts if no tokenizer is available."""

import math

from cribsheet.models._base import Usage
from cribsheet.prompts import Prompt


def estimate_tokens(text: str) -> int:
    """Return an estimate of how many tokens the text has, which errs on the high side.

    Three ASCII letters or spaces count as one token. Every other byte counts as a token of its own, the worst
    case of a byte-level tokenizer. Compared with SmolLM2's tokenizer, the estimate is 1.5 times the true count
    for English prose, 1.6 times for Chinese and 1.0 times for numbers. It is too low only for long German
    compounds, which can have 12 % more tokens than estimated.

    >>> estimate_tokens("Gravity pulls things down.")
    10
    >>> estimate_tokens("1984")
    4
    """
    letters = sum(char.isascii() and (char.isalpha() or char.isspace()) for char in text)
    return math.ceil(letters / 3) + len(text.encode()) - letters


def estimated_usage(prompt: Prompt, text: str) -> Usage:
    """Return estimated token counts for a server that reports none, since budgets need a figure."""
    return Usage(prompt_tokens=estimate_tokens(prompt.full_text), completion_tokens=estimate_tokens(text))
