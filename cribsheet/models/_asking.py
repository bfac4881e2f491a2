"""Tell prompts that ask for text from those that ask a typed question."""

from cribsheet.errors import ModelError
from cribsheet.prompts import Prompt, Question


def question_in(prompt: Prompt, name: str) -> Question:
    """Return the question of a prompt, for a model that answers nothing else; ModelError if there is none."""
    if prompt.question is None:
        raise ModelError(
            f"{name} answers typed questions and writes no text. Use a layout that asks a question, or a model that "
            "writes, such as ollama_chat/NAME."
        )
    return prompt.question


def check_asks_for_text(prompt: Prompt, name: str) -> None:
    """Raise a ModelError if a prompt asks a typed question of a model that writes."""
    if prompt.question is not None:
        raise ModelError(
            f"{name} writes text, and this prompt asks a typed question of a decision endpoint. Compile the task for "
            "this model, or name the endpoint: systemone/NAME with --api-base."
        )
