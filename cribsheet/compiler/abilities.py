"""Refuse a task that the model cannot answer, before any request is made."""

from collections.abc import Mapping

from cribsheet.errors import CompileError
from cribsheet.layout.catalogue import QUESTIONS
from cribsheet.layout.questions import suits
from cribsheet.models import Model
from cribsheet.settings import Settings
from cribsheet.signature import Signature


def check_abilities(model: Model, signatures: Mapping[str, Signature], settings: Settings) -> None:
    """Raise a CompileError if the model only decides, but the task needs written text or several decisions at once."""
    if not getattr(model, "only_decides", False):
        return
    for signature in signatures.values():
        if not any(suits(layout, signature) for layout in QUESTIONS):
            outputs = ", ".join(f"{field.name} ({field.type.noun})" for field in signature.outputs)
            raise CompileError(
                f"{model.name} only decides between given options, but {signature.name} asks for {outputs}. Declare "
                "one output of type Literal, Enum or bool with at least two outcomes, or use a model that writes text, "
                "such as ollama_chat/NAME."
            )
    if settings.reasoning:
        raise CompileError(
            f"{model.name} writes no text, so it cannot reason before it decides. Leave out --reasoning."
        )
