"""Toy rows with a model that answers at once, for a race that takes only seconds."""

import hashlib
import math

from cribsheet.dataset.examples import Row
from cribsheet.models import Completion, Model, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt

_WORDS = {"negative": "dull", "positive": "superb"}


def toy_rows() -> list[Row]:
    """Return rows for the toy model."""
    return [
        Row({"text": f"Show {number} is {word}."}, {"sentiment": (label,)})
        for number in range(400)
        for label, word in _WORDS.items()
    ]


def toy_model() -> Model:
    """Return a model whose skill depends on the demos; demos and text together decide if it is lucky on a row."""

    def answer(prompt: Prompt, sampling: Sampling) -> Completion:
        shown, asked = prompt.full_text.rsplit("Show ", 1)
        truth = 1 if _WORDS["positive"] in asked else -1
        odds = truth * (0.1 + 1.2 * _chance(shown)) + 3 * (_chance(shown + asked) - 0.5)
        positive = 1 / (1 + math.exp(-2 * odds))
        told = {" positive": math.log(positive), " negative": math.log(1 - positive)}
        return Completion(
            text=max(told, key=told.__getitem__),
            first_token=told,
            usage=Usage(prompt_tokens=len(prompt.full_text) // 4, cached_tokens=0, completion_tokens=1),
        )

    return ScriptedModel(answer, name="scripted/toy")


def _chance(text: str) -> float:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % 1000 / 1000
