"""Make the three programs that the page compares: zero-shot, the compiled text, the compiled program."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cribsheet.frozen import FrozenProgram, FrozenPrompt
from cribsheet.frozen.score import Score
from cribsheet.models import Model
from cribsheet.search.zero_shot import zero_shot_prompt
from cribsheet.signature import Signature


@dataclass(frozen=True)
class Way:
    """One way to ask the model for a program's outputs."""

    title: str
    about: str
    """One sentence for the reader of the page."""
    made: Callable[[FrozenProgram, Model], FrozenProgram]
    """Returns the program that asks in this way."""
    score: Callable[[FrozenProgram], Score | None]
    """Returns its score on the testset; None if it was not measured."""


def _zero_shot(frozen: FrozenProgram, model: Model) -> FrozenProgram:
    prompts = {name: _bare(prompt, model) for name, prompt in frozen.prompts.items()}
    return frozen.model_copy(update={"prompts": prompts})


def _bare(prompt: FrozenPrompt, model: Model) -> FrozenPrompt:
    if getattr(model, "only_decides", False):
        return prompt.model_copy(update={"demos": (), "corrections": ()})
    return zero_shot_prompt(_own(prompt), model, tokens=lambda _layout: prompt.decoding.max_tokens)


def _own(prompt: FrozenPrompt) -> Signature:
    """Return the task's own signature, without the rationale that a prompt asks for first."""
    signature = prompt.signature
    return signature.without_outputs([signature.outputs[0].name]) if prompt.reasoning else signature


def _as_text(frozen: FrozenProgram, model: Model) -> FrozenProgram:
    if getattr(model, "only_decides", False):  # it writes no text
        prompts = {name: prompt.with_corrections() for name, prompt in frozen.prompts.items()}
        return frozen.model_copy(update={"prompts": prompts})
    return frozen.carried_by("text") or frozen


WAYS: Mapping[str, Way] = {
    "zero_shot": Way(
        "Zero-shot",
        "The task in words, without examples.",
        _zero_shot,
        lambda frozen: frozen.results.baseline,
    ),
    "text": Way(
        "Compiled text",
        "The compiled prompt, uncorrected.",
        _as_text,
        lambda frozen: frozen.results.carriages.get("text") or frozen.results.uncorrected,
    ),
    "compiled": Way(
        "Compiled program",
        "The same prompt with its corrections.",
        lambda frozen, _model: frozen,
        lambda frozen: frozen.results.compiled,
    ),
}
"""The ways by their names, in the order of the page."""
