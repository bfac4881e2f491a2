"""Check that a prompt asks for something its model can answer: text, or a typed question."""

from cribsheet.errors import ModelError
from cribsheet.prompts import Prompt, Question


def question_in(prompt: Prompt, name: str) -> Question:
    """Return the prompt's typed question, for a decision model, which cannot answer anything else.

    Raises:
        ModelError: the prompt asks for text.
    """
    if prompt.question is None:
        raise ModelError(
            f"{name} is a decision model, which answers typed questions and writes no text, but this prompt asks for "
            "text. Use a layout that asks a typed question, or a model that writes text, such as ollama_chat/NAME."
        )
    return prompt.question


def check_asks_for_text(prompt: Prompt, name: str) -> None:
    """Raise a ModelError if the prompt asks a typed question, for a model that writes text."""
    if prompt.question is not None:
        raise ModelError(
            f"{name} writes text, but this prompt asks a typed question, which only a decision endpoint answers. "
            "Compile the task for this model, or name a decision endpoint: systemone/NAME with --api-base."
        )
