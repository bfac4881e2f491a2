"""How a task is written down for a model, as data."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from cribsheet.errors import LayoutError
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.signature import Field, Signature

_WORDS = {
    "zh": {
        "question": "问题",
        "context": "上下文",
        "answer": "答案",
        "text": "文本",
        "sentiment": "情感",
        "topic": "主题",
        "review": "评论",
        "reasoning": "理由",
    }
}
_VERBALIZERS = {
    "en": {"true": "yes", "false": "no"},
    "zh": {"true": "是", "false": "否", UNANSWERABLE: "无法回答"},
}


class Mark(BaseModel):
    """What stands around a field's value. `{word}` and `{tag}` stand for the field's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: str
    """Before the value, such as `{word}:` or `<{tag}>`."""
    gap: str = " "
    """White space between the opening and the value: a prompt that ends in it reads badly to a model."""
    close: str = ""
    """After the value, such as `</{tag}>`; empty if the line's end closes it."""


class Layout(BaseModel):
    """One way to write a task down for a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """What reports call it."""
    style: Literal["raw", "one_message", "chat_turns", "choice", "described_choice", "noul", "score"]
    """Raw completion, everything in one user message, each demo as a turn of chat; or a typed question about a text
    that holds the demos and the inputs, for models that only decide: see `cribsheet.layout.questions`."""
    input_mark: Mark = Mark(open="{word}:")
    """Around each input."""
    output_mark: Mark = Mark(open="{word}:")
    """Around each output."""
    lead: Literal["first", "last", "both"] = "first"
    """Where the first declared input (in question answering, the question) stands among the inputs."""
    cue: bool = True
    """Whether a chat's user message ends with the first output's opening mark."""
    instructions_at: Literal["start", "end", "none"] = "start"
    """Before the demos, between the demos and the inputs, or left out."""
    reminder: str = ""
    """A sentence after the inputs, in each demo too."""
    reasons: bool = False
    """Whether an unanswerable demo says why."""
    words: Mapping[str, str] = {}
    """The words that name the fields, if they are not the field's own name."""
    verbalizers: Mapping[str, str] = {}
    """The word that stands for an outcome, if it is not the outcome's own name."""
    between_fields: str = "\n"
    """Between two fields."""
    between_demos: str = "\n\n"
    """Between the instructions, the demos and the inputs."""
    language: Literal["en", "zh"] = "en"
    """Of the default words and verbalizers."""

    @property
    def is_question(self) -> bool:
        """Whether a typed question is asked, in place of a text to be gone on with."""
        return self.style not in ("raw", "one_message", "chat_turns")

    def word(self, name: str) -> str:
        """Return the words that name a field in the prompt.

        >>> Layout(name="x", style="raw").word("due_date")
        'Due date'
        """
        default = _WORDS.get(self.language, {}).get(name, name.replace("_", " ").capitalize())
        return self.words.get(name, default)

    def verbalizer(self, outcome: str) -> str:
        """Return the word that stands for an outcome."""
        return self.verbalizers.get(outcome, _VERBALIZERS[self.language].get(outcome, outcome))

    def opening(self, field: str, mark: Mark) -> str:
        """Return a field's opening mark."""
        return self._fill(mark.open, field)

    def closing(self, field: str, mark: Mark) -> str:
        """Return a field's closing mark, empty if the line's end closes it."""
        return self._fill(mark.close, field)

    def _fill(self, template: str, field: str) -> str:
        if "{" not in template:  # most closings are empty, and a search renders millions of fields
            return template
        word = self.word(field)
        return template.replace("{word}", word).replace("{tag}", word.lower().replace(" ", "_"))

    def ordered(self, signature: Signature) -> tuple[Field, ...]:
        """Return the inputs in the order in which they stand in the prompt."""
        lead, *rest = signature.inputs
        if not rest or self.lead == "first":
            return signature.inputs
        return (*rest, lead) if self.lead == "last" else (lead, *rest, lead)

    def stops(self, signature: Signature) -> tuple[str, ...]:
        """Return the sequences that end a completion."""
        last = self.closing(signature.outputs[-1].name, self.output_mark)
        if last:
            return (last, self.between_demos + self.opening(self.ordered(signature)[0].name, self.input_mark))
        return ("\n",) if len(signature.outputs) == 1 else (self.between_demos,)

    def check(self, signature: Signature) -> None:
        """Raise LayoutError if two outcomes of a field would read the same.

        Outcomes that the user named alike but for their case are told apart by it.
        """
        for field in signature.outputs:
            words = [self.verbalizer(outcome) for outcome in field.outcomes]
            folded = {word if word in field.outcomes else word.casefold() for word in words}
            if len(folded) < len(words) or not all(words):
                raise LayoutError(
                    f"Layout {self.name!r} writes the outcomes of {field.name!r} as {words}. "
                    "Give each outcome a verbalizer of its own."
                )
