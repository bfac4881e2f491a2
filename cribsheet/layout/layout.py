"""The layout, which says how a task is written as text."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from cribsheet.errors import LayoutError
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import NONE

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
    "zh": {"true": "是", "false": "否", UNANSWERABLE: "无法回答", NONE: "无"},
}


class Mark(BaseModel):
    """The text around a field's value. `{word}` and `{tag}` are replaced by the field's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    open: str
    """The text before the value, such as `{word}:` or `<{tag}>`."""
    gap: str = " "
    """White space between `open` and the value. A prompt does not end with it, because models then answer worse."""
    close: str = ""
    """The text after the value, such as `</{tag}>`; empty if the end of the line closes the field."""


class Layout(BaseModel):
    """One way to write a task as text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """The name that reports use."""
    style: Literal["raw", "one_message", "chat_turns", "choice", "described_choice", "noul", "score"]
    """`raw`: a raw completion. `one_message`: everything in one user message. `chat_turns`: each demo is a turn of the
    chat. The others ask a typed question about a text with the demos and the inputs, for models that only decide: see
    `cribsheet.layout.questions`."""
    input_mark: Mark = Mark(open="{word}:")
    """The mark around each input."""
    output_mark: Mark = Mark(open="{word}:")
    """The mark around each output."""
    lead: Literal["first", "last", "both"] = "first"
    """The place of the first declared input (such as the question) among the inputs: first, last, or both."""
    cue: bool = True
    """Whether a chat's user message ends with the first output's opening mark."""
    instructions_at: Literal["start", "end", "none"] = "start"
    """The place of the instructions: before the demos, between the demos and the inputs, or nowhere."""
    reminder: str = ""
    """A sentence after the inputs, both in the demos and in the final question."""
    reasons: bool = False
    """Whether an unanswerable demo says why it is unanswerable."""
    words: Mapping[str, str] = {}
    """The words that name a field, if they differ from the field's name: `{field: words}`."""
    verbalizers: Mapping[str, str] = {}
    """The word that stands for an outcome, if it differs from the outcome's name: `{outcome: word}`."""
    notations: Mapping[str, str] = {}
    """How an output that is made of other values is written, if not as JSON: `{field: notation}`."""
    between_fields: str = "\n"
    """The separator between two fields."""
    between_demos: str = "\n\n"
    """The separator between the instructions, the demos and the inputs."""
    language: Literal["en", "zh"] = "en"
    """The language of the default words and verbalizers."""

    @property
    def is_question(self) -> bool:
        """Whether the prompt asks a typed question instead of giving a text to continue."""
        return self.style not in ("raw", "one_message", "chat_turns")

    def word(self, name: str) -> str:
        """Return the words that name a field in the prompt.

        >>> Layout(name="x", style="raw").word("due_date")
        'Due date'
        """
        default = _WORDS.get(self.language, {}).get(name, name.replace("_", " ").capitalize())
        return self.words.get(name, default)

    def verbalizer(self, outcome: str) -> str:
        """Return the word that stands for an outcome; a label of several lines is written on one."""
        default = _VERBALIZERS[self.language].get(outcome, outcome)
        return self.verbalizers.get(outcome, " ".join(default.split()))

    def notation(self, field: Field) -> str:
        """Return the notation of a field's values."""
        return self.notations.get(field.name, "json")

    def gap(self, field: Field, mark: Mark) -> str:
        """Return the white space before a value: a value of several lines begins on a line of its own."""
        own = mark.gap
        return "\n" if own == " " and self.notation(field) == "lines" else own

    def end(self, field: Field) -> str:
        """Return what ends the value of the last output: its closing mark, or the end of its line or lines.

        Chat models write JSON over several lines, or in a Markdown code block.
        """
        has_lines = field.type.is_structured and self.notation(field) != "inline"
        return self.closing(field.name, self.output_mark) or (self.between_demos if has_lines else "\n")

    def opening(self, field: str, mark: Mark) -> str:
        """Return a field's opening mark."""
        return self._fill(mark.open, field)

    def closing(self, field: str, mark: Mark) -> str:
        """Return a field's closing mark; empty if the end of the line closes the field."""
        return self._fill(mark.close, field)

    def _fill(self, template: str, field: str) -> str:
        if "{" not in template:  # a shortcut: most closing marks are empty, and a search renders millions of fields
            return template
        word = self.word(field)
        return template.replace("{word}", word).replace("{tag}", word.lower().replace(" ", "_"))

    def ordered(self, signature: Signature) -> tuple[Field, ...]:
        """Return the inputs in the order of the prompt."""
        lead, *rest = signature.inputs
        if not rest or self.lead == "first":
            return signature.inputs
        return (*rest, lead) if self.lead == "last" else (lead, *rest, lead)

    def stops(self, signature: Signature) -> tuple[str, ...]:
        """Return the sequences that end a completion."""
        last = self.closing(signature.outputs[-1].name, self.output_mark)
        if last:
            return (last, self.between_demos + self.opening(self.ordered(signature)[0].name, self.input_mark))
        return (self.end(signature.outputs[0]),) if len(signature.outputs) == 1 else (self.between_demos,)

    def check(self, signature: Signature) -> None:
        """Raise LayoutError if two outcomes of a field would be written the same way.

        Words that differ only in case count as the same, unless the user's own outcome names differ only in case.
        """
        for field in signature.outputs:
            words = [self.verbalizer(outcome) for outcome in field.outcomes]
            folded = {word if word in field.outcomes else word.casefold() for word in words}
            if len(folded) < len(words) or not all(words):
                raise LayoutError(
                    f"Layout {self.name!r} writes the outcomes of {field.name!r} as {words}. "
                    "Give each outcome a verbalizer of its own."
                )
