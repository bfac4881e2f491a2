"""A rendered prompt: exactly what is sent to a model."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Piece = str | int
"""A part of an answer: text, or a token id if the token is not text by itself, such as half a character."""
UNTOLD = "\ufffd"
"""What stands for a token id in a prompt's full text."""


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class Option(BaseModel):
    """One of the answers that a question allows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: str
    """Its name, unique among the options of a question."""
    description: str = ""
    """What it means; empty if the name is clear."""


class Question(BaseModel):
    """A typed question about a text, as decision endpoints accept it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["choice", "noul", "score"]
    """`choice`: one of the options. `noul`: no or yes; the first option is no. `score`: a level; the first option is
    the lowest."""
    name: str
    """The name of the answer, usually the output field's name."""
    instructions: str
    """The question itself."""
    options: tuple[Option, ...]
    """The allowed answers."""


class Prompt(BaseModel):
    """What one request sends: chat messages, the text of a raw completion, or a text with a typed question about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages: tuple[Message, ...] = ()
    """The chat turns; empty for a raw completion."""
    text: str = ""
    """The whole text of a raw completion, or the text that the question is about; empty for a chat."""
    question: Question | None = None
    """The question that a decision endpoint answers about the text; None if the model should continue the text."""
    stop: tuple[str, ...] = ()
    """Stop sequences: each ends the completion and is not part of it."""
    begun: tuple[Piece, ...] = ()
    """A prefill: the answer's first pieces, for a chat or if they are not text. Few models accept it."""

    @property
    def is_chat(self) -> bool:
        """Whether this goes to a chat endpoint, which applies the model's own template."""
        return bool(self.messages)

    @property
    def full_text(self) -> str:
        """All text in order, without a chat template; used to count tokens or to show the prompt."""
        begun = "".join(piece if isinstance(piece, str) else UNTOLD for piece in self.begun)
        if self.question is not None:
            options = [
                f"{one.word}: {one.description}" if one.description else one.word for one in self.question.options
            ]
            return "\n".join([self.text, "", f"{self.question.type}: {self.question.instructions}", *options])
        if not self.is_chat:
            return self.text + begun
        return "\n".join(f"<{message.role}>\n{message.content}" for message in self.messages) + begun

    def followed_by(self, *pieces: Piece) -> "Prompt":
        """Return the prompt with these pieces as the beginning of its answer.

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
