"""A rendered prompt: what is sent to a model, to the byte."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class Prompt(BaseModel):
    """Either chat messages or the text of a raw completion, and where the answer ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[Message, ...] = ()
    """The chat turns; empty for a raw completion."""
    text: str = ""
    """The whole text of a raw completion; empty for a chat."""
    stop: tuple[str, ...] = ()
    """The sequences that end the completion; none of them is part of it."""

    @property
    def is_chat(self) -> bool:
        """Whether this is for a chat endpoint, which applies the model's own template."""
        return bool(self.messages)

    @property
    def full_text(self) -> str:
        """All text in order, without a chat template: for counting and for showing."""
        if not self.is_chat:
            return self.text
        return "\n".join(f"<{message.role}>\n{message.content}" for message in self.messages)

    def followed_by(self, text: str) -> "Prompt":
        """Return a raw completion's prompt with the beginning of its answer."""
        return self.model_copy(update={"text": self.text + text})
