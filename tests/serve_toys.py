"""Frozen programs for a server, and a model that answers all of them at once."""

import math
import threading

from cribsheet.corrections import Guard
from cribsheet.frozen import Decoding, FrozenProgram, Wire, Wiring
from cribsheet.models import Completion, Sampling, Usage
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature
from frozen_toys import toy_program, toy_prompt
from toys import QA, SENTIMENT

STARS = Signature(
    name="Stars",
    instructions="Rate the text.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="stars", kind="label", labels=(1, 2, 3), abstains=True),),
)


class HeldModel(ScriptedModel):
    """A model whose answers wait until `go` is set."""

    def __init__(self, parallel: int = 1) -> None:
        self.go = threading.Event()
        super().__init__(self._held, parallel=parallel)

    def _held(self, prompt: Prompt, sampling: Sampling) -> Completion:
        assert self.go.wait(20)
        return Completion(text=" positive")


def mood() -> ScriptedModel:
    """Return a model that finds a text negative if it says boring, else positive; to a question it says Rome."""
    return ScriptedModel(_answer, name="scripted/mood", parallel=4)


def decider() -> FrozenProgram:
    """Return a program whose label is decided by log-probabilities."""
    return toy_program(_decided(SENTIMENT))


def unsure() -> FrozenProgram:
    """Return a program that rates with three levels, or abstains."""
    return toy_program(_decided(STARS))


def guarded() -> FrozenProgram:
    """Return a program that writes an answer, which a guard may withhold."""
    guard = Guard(
        field="answer",
        context="context",
        lead=("question",),
        weights={"grounded": 4.0},
        intercept=-2.0,
        threshold=0.5,
    )
    prompt = toy_prompt(QA).with_corrections(guard)
    return toy_program(prompt)


def chain() -> FrozenProgram:
    """Return a program that answers a question, and decides on the mood of the answer."""
    wiring = Wiring(
        order=("answer", "judge"),
        inputs={
            "answer": {name: Wire(source=None, field=name) for name in ("question", "context")},
            "judge": {"text": Wire(source="answer", field="answer")},
        },
        outputs={"mood": Wire(source="judge", field="sentiment"), "said": Wire(source="answer", field="answer")},
    )
    prompts = {"answer": toy_prompt(QA), "judge": decider().prompts["predict"]}
    return toy_program().model_copy(update={"prompts": prompts, "wiring": wiring})


def _decided(signature: Signature):  # type: ignore[no-untyped-def]
    decoding = Decoding(decide_by="logprobs", max_tokens=4, top_logprobs=10)
    return toy_prompt(signature).model_copy(update={"decoding": decoding})


def _answer(prompt: Prompt, sampling: Sampling) -> Completion:
    asked = prompt.full_text[prompt.full_text.rfind("Text:") :]
    usage = Usage(prompt_tokens=len(prompt.full_text.split()), cached_tokens=1, completion_tokens=1)
    if "Question:" in prompt.full_text:
        return Completion(text=" Rome", usage=usage)
    is_bad = "boring" in asked
    word, other = (" negative", " positive") if is_bad else (" positive", " negative")
    if "Stars:" in prompt.full_text:
        word, other = (" unanswerable", " 2") if "unclear" in asked else (" 3", " 2")
    first = {word: math.log(0.75), other: math.log(0.25)} if sampling.top_logprobs else None
    return Completion(text=word, first_token=first, usage=usage)
