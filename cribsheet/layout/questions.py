"""Ask for a finite output with a typed question, for models that only decide."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from cribsheet.layout.decisions import decided_field
from cribsheet.layout.layout import Layout
from cribsheet.layout.scoring import logsumexp
from cribsheet.prompts import Option, Question
from cribsheet.signature import Field, Signature

MOST_LEVELS = 10
"""The most levels of a score question."""
MOST_OPTIONS = 255
"""The most options of a choice question; some models accept fewer."""
_TYPES: Mapping[str, Literal["choice", "noul", "score"]] = {
    "choice": "choice",
    "described_choice": "choice",
    "noul": "noul",
    "score": "score",
}
_LEAST = math.log(1e-6)  # endpoints round lower probabilities to 0


def suits(layout: Layout, signature: Signature) -> bool:
    """Tell whether the layout's question can offer the signature's outcomes as answers."""
    field = decided_field(signature)
    if field is None or not layout.is_question:
        return False
    fits = {
        "choice": 2 <= len(field.outcomes) <= MOST_OPTIONS,
        "noul": len(field.outcomes) == 2,
        "score": 2 <= len(field.outcomes) <= MOST_LEVELS and _is_scale(field.outcomes),
    }
    return fits[_TYPES[layout.style]]


def question_of(layout: Layout, field: Field, instructions: str) -> Question:
    """Return the typed question for a field.

    >>> stars = Field(name="stars", kind="label", labels=(1, 2))
    >>> question_of(Layout(name="short", style="score", instructions_at="none"), stars, "").instructions
    'Stars?'
    """
    word = layout.word(field.name)
    is_yes_or_no = layout.style != "noul" or field.outcomes[-1] == "true"
    asked = f"{word}?" if is_yes_or_no else f"{word}: {layout.verbalizer(field.outcomes[-1])}?"
    told = instructions if layout.instructions_at != "none" else ""
    is_whole = bool(told) and layout.style != "noul"  # a yes-or-no question needs more than the instructions
    words = [layout.verbalizer(outcome) for outcome in field.outcomes]
    described = [f"{word}: {one}" if layout.style == "described_choice" else "" for one in words]
    return Question(
        type=_TYPES[layout.style],
        name=field.name,
        instructions=told if is_whole else " ".join(part for part in (told, asked) if part),
        options=tuple(Option(word=one, description=more) for one, more in zip(words, described, strict=True)),
    )


def answered_logprobs(layout: Layout, field: Field, told: Mapping[str, float]) -> dict[str, float]:
    """Return the normalised log-probability of each outcome; `told` has the endpoint's value for each option's word.

    >>> yes_or_no = Field(name="fit", kind="boolean")
    >>> answered_logprobs(Layout(name="choice", style="choice"), yes_or_no, {"yes": 0.0, "no": 0.0})["true"]
    -0.6931471805599453
    """
    own = {outcome: max(told.get(layout.verbalizer(outcome), _LEAST), _LEAST) for outcome in field.outcomes}
    total = logsumexp(own.values())
    return {outcome: logprob - total for outcome, logprob in own.items()}


def _is_scale(outcomes: Sequence[str]) -> bool:
    """Tell whether the outcomes are numbers in ascending order."""
    try:
        numbers = [float(outcome) for outcome in outcomes]
    except ValueError:
        return False
    return numbers == sorted(numbers)
