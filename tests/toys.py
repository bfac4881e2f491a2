"""A task, rows and a student that are small enough to reason about."""

import hashlib
import json
import math
from pathlib import Path

from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature

SENTIMENT = Signature(
    name="Sentiment",
    instructions="Say whether the text is negative or positive.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="sentiment", kind="label", labels=("negative", "positive")),),
)
QA = Signature(
    name="GroundedQA",
    instructions="Answer the question from the context alone.",
    inputs=(Field(name="question"), Field(name="context")),
    outputs=(Field(name="answer", abstains=True),),
)
GOOD = ("superb", "lovely", "bright", "tasty", "witty")
BAD = ("dull", "broken", "stale", "rude", "noisy")
NOUNS = ("film", "soup", "hotel", "phone", "song", "bus", "book", "chair", "shop", "game", "play", "lamp")


def sentiment_rows() -> list[dict[str, str]]:
    """Return 120 rows, half of each outcome."""
    return [
        {"text": f"The {noun} was {word}.", "sentiment": "positive" if word in GOOD else "negative"}
        for noun in NOUNS
        for word in (*GOOD, *BAD)
    ]


def write_rows(path: Path, rows: list[dict[str, object]] | list[dict[str, str]]) -> Path:
    """Write rows as JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def student(prompt: Prompt, sampling: Sampling) -> Completion:
    """Answer as a small model does: leaning to one outcome, more able with demos, chattering without.

    Its log-odds are the truth's sign, plus noise that is fixed for each text and shrinks with the
    number of demos, less a bias towards negative that only calibration takes away.
    """
    text = prompt.full_text
    last = text[max(text.rfind("The "), 0) :]
    demos = min(8, text.count("The ") - 1)
    truth = 1.0 if any(word in last for word in GOOD) else -1.0
    chance = int(hashlib.sha256(last.encode()).hexdigest(), 16) % 1000 / 500 - 1
    odds = truth + chance * (3.0 - 0.3 * demos) - 1.0
    positive = 1 / (1 + math.exp(-odds))
    word = "positive" if positive > 0.5 else "negative"
    first = {" positive": math.log(positive * 0.9), " negative": math.log((1 - positive) * 0.9), " The": -2.5}
    usage = Usage(prompt_tokens=len(text.split()), cached_tokens=0, completion_tokens=1)
    if demos == 0 and not sampling.top_logprobs:
        return Completion(text="Well, it depends", usage=usage)
    return Completion(text=f" {word}", first_token=first if sampling.top_logprobs else None, usage=usage)


def student_model() -> ScriptedModel:
    """Return the student behind the seam."""
    return ScriptedModel(student, name="scripted/student")
