"""Hold a candidate's written answers to their types, as far as the model can."""

from collections.abc import Collection
from dataclasses import replace

from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.prompt import HeldBy
from cribsheet.layout.holding import grammar_after_first, holding
from cribsheet.layout.layout import Layout
from cribsheet.models import Model
from cribsheet.models._base import Kind
from cribsheet.search.candidate import Candidate
from cribsheet.search.study import Study
from cribsheet.signature import Signature

_WAYS: tuple[HeldBy, ...] = ("grammar", "json_schema")
"""The ways to hold an answer, the better one first: a grammar holds every answer, a JSON Schema only JSON."""


def held(study: Study, candidate: Candidate) -> Candidate | None:
    """Return the candidate with its written answers held to their types; None if none can be.

    Only JSON can be held, so values of these answers are written as JSON.
    """
    if study.carriage == "text":
        return None
    free = [(name, prompt) for name, prompt in candidate.prompts.items() if prompt.decoding.held_by == "nothing"]
    found = {name: _held(study, prompt) for name, prompt in free}
    prompts = {name: prompt for name, prompt in found.items() if prompt is not None}
    if not prompts:
        return None
    return replace(candidate, prompts={**candidate.prompts, **prompts}, origin=f"{candidate.origin}, held")


def lacks_holding(study: Study) -> bool:
    """Tell whether answers could be held to their types, but the model takes neither a grammar nor a JSON Schema."""
    if study.carriage == "text" or any(_kinds(study.model, way) for way in _WAYS):
        return False
    return any(one.type.is_structured for signature in study.signatures.values() for one in signature.outputs)


def way_to_hold(model: Model, layout: Layout, signature: Signature) -> HeldBy:
    """Return the best way in which a model can be held to a signature's answers in a layout."""
    kind: Kind = "raw" if layout.style == "raw" else "chat"
    able = (way for way in _WAYS if kind in _kinds(model, way) and any(holding(layout, signature, way)))
    return next(able, "nothing")


def way_to_hold_again(model: Model, layout: Layout, signature: Signature) -> HeldBy:
    """Return the best way in which a model can be held to a second answer, or to what follows its first output.

    Only after a raw prompt can every model go on from its own first output.
    """
    if layout.style == "raw" and "raw" in _kinds(model, "grammar") and grammar_after_first(layout, signature):
        return "grammar"
    return way_to_hold(model, layout, signature)


def _held(study: Study, prompt: FrozenPrompt) -> FrozenPrompt | None:
    layout = prompt.layout.model_copy(update={"notations": {}})
    way = way_to_hold(study.model, layout, prompt.signature)
    if way == "nothing":
        return None
    tokens = study.lengths.answer(prompt.signature, layout) if layout != prompt.layout else None
    update = {"held_by": way} | ({"max_tokens": tokens} if tokens else {})
    decoding = prompt.decoding.model_copy(update=update)
    return prompt.model_copy(update={"layout": layout, "decoding": decoding})


def _kinds(model: Model, way: str) -> Collection[Kind]:
    """Return the kinds of prompts whose completions the model holds in a way."""
    kinds: Collection[Kind] = getattr(model, f"takes_{way}", ())
    return kinds
