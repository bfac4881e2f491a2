"""A rendered prompt: what is sent to a model, to the byte."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class Option(BaseModel):
    """One of the answers that a question allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: str
    """What it is called: no two options of a question have the same."""
    description: str = ""
    """What it means, in words; empty if its name says so."""


class Question(BaseModel):
    """A typed question about a state, as decision endpoints take it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["choice", "noul", "score"]
    """One of the options, no or yes (the first option is no), or a level (the first option is the lowest)."""
    name: str
    """What its answer is called."""
    instructions: str
    """What is asked."""
    options: tuple[Option, ...]
    """The answers that it allows."""


class Prompt(BaseModel):
    """Chat messages, the text of a raw completion and where the answer ends, or a state and a question about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[Message, ...] = ()
    """The chat turns; empty for a raw completion."""
    text: str = ""
    """The whole text of a raw completion, or the state that is asked about; empty for a chat."""
    question: Question | None = None
    """What a decision endpoint is asked about the text; None if the text is to be gone on with."""
    stop: tuple[str, ...] = ()
    """The sequences that end the completion; none of them is part of it."""

    @property
    def is_chat(self) -> bool:
        """Whether this is for a chat endpoint, which applies the model's own template."""
        return bool(self.messages)

    @property
    def full_text(self) -> str:
        """All text in order, without a chat template: for counting and for showing."""
        if self.question is not None:
            options = [
                f"{one.word}: {one.description}" if one.description else one.word for one in self.question.options
            ]
            return "\n".join([self.text, "", f"{self.question.type}: {self.question.instructions}", *options])
        if not self.is_chat:
            return self.text
        return "\n".join(f"<{message.role}>\n{message.content}" for message in self.messages)

    def followed_by(self, text: str) -> "Prompt":
        """Return a raw completion's prompt with the beginning of its answer."""
        return self.model_copy(update={"text": self.text + text})
