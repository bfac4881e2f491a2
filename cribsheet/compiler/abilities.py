"""Refuse a task that the model cannot answer, before anything is asked."""

from collections.abc import Mapping

from cribsheet.errors import CompileError
from cribsheet.layout.catalogue import QUESTIONS
from cribsheet.layout.questions import suits
from cribsheet.models import Model
from cribsheet.settings import Settings
from cribsheet.signature import Signature


def check_abilities(model: Model, signatures: Mapping[str, Signature], settings: Settings) -> None:
    """Raise a CompileError if a model that only decides would have to write, or to decide several things at once."""
    if not getattr(model, "only_decides", False):
        return
    for signature in signatures.values():
        if not any(suits(layout, signature) for layout in QUESTIONS):
            outputs = ", ".join(f"{field.name} ({field.type.noun})" for field in signature.outputs)
            raise CompileError(
                f"{model.name} decides between given options, but {signature.name} asks for {outputs}. Declare one "
                "output of Literal, Enum or bool with two outcomes at least, or use a model that writes, such as "
                "ollama_chat/NAME."
            )
    if settings.reasoning:
        raise CompileError(
            f"{model.name} writes nothing, so it cannot reason before it decides. Leave out --reasoning."
        )
