"""A rendered prompt: what is sent to a model, to the byte."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Piece = str | int
"""A part of an answer: text, or the token id of what is no text by itself, such as half a character."""


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
    begun: tuple[Piece, ...] = ()
    """What the answer begins with, if that is no part of a raw completion's text. Few models can go on from it."""

    @property
    def is_chat(self) -> bool:
        """Whether this is for a chat endpoint, which applies the model's own template."""
        return bool(self.messages)

    @property
    def full_text(self) -> str:
        """All text in order, without a chat template: for counting and for showing."""
        begun = "".join(piece if isinstance(piece, str) else "\ufffd" for piece in self.begun)
        if self.question is not None:
            options = [
                f"{one.word}: {one.description}" if one.description else one.word for one in self.question.options
            ]
            return "\n".join([self.text, "", f"{self.question.type}: {self.question.instructions}", *options])
        if not self.is_chat:
            return self.text + begun
        return "\n".join(f"<{message.role}>\n{message.content}" for message in self.messages) + begun

    def followed_by(self, *pieces: Piece) -> "Prompt":
        """Return the prompt with the beginning of its answer.

        >>> Prompt(text="Stars:").followed_by(" ", "4").text
        'Stars: 4'
        """
        text, begun = self.text, list(self.begun)
        for piece in pieces:
            if isinstance(piece, str) and not (begun or self.is_chat):
                text += piece
            else:
                begun.append(piece)
        return self.model_copy(update={"text": text, "begun": tuple(begun)})
