"""Render a prompt with a slot for each input."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cribsheet.dataset.examples import Demo
from cribsheet.layout.escaping import Escaping, escaping
from cribsheet.layout.layout import Layout
from cribsheet.layout.rendering import input_text, render
from cribsheet.prompts import Prompt, Question
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import Text

_FORMS = ("{{NAME}}", "<<NAME>>", "[[NAME]]", "@@NAME@@")


@dataclass(frozen=True)
class Slot:
    """The place of an input in a template."""

    field: str


Pieces = tuple[str | Slot, ...]
"""Texts and slots, in order; no text is empty, and two texts are never adjacent."""


@dataclass(frozen=True)
class Turn:
    """One message of a chat."""

    role: str
    content: Pieces


@dataclass(frozen=True)
class Template:
    """A prompt with a slot for each input."""

    text: Pieces
    """The text of a raw completion; empty for a chat."""
    turns: tuple[Turn, ...]
    """The messages of a chat; only the last one has slots. Empty for a raw completion."""
    stop: tuple[str, ...]
    """The stop sequences."""
    escaping: Escaping
    """What has to be replaced in the text of an input before it takes the place of a slot."""
    question: Question | None = None
    """The typed question about the text; None if the model should continue the text."""

    @property
    def asked(self) -> Pieces:
        """The part with the slots: the whole text, or the last message of a chat."""
        return self.turns[-1].content if self.turns else self.text

    def placeholders(self) -> dict[str, str]:
        """Return a placeholder for each input, in a form that does not occur in the prompt's own text."""
        names = list(dict.fromkeys(piece.field for piece in self.asked if isinstance(piece, Slot)))
        everything = [self.text, *(turn.content for turn in self.turns)]
        forms = itertools.chain(_FORMS, (f"{{{{NAME#{number}}}}}" for number in itertools.count(2)))
        candidates = ({name: form.replace("NAME", name) for name in names} for form in forms)
        return next(
            marks
            for marks in candidates
            if all(_split(filled(pieces, marks), marks) == pieces for pieces in everything)
        )


def template(layout: Layout, signature: Signature, *, instructions: str, demos: Sequence[Demo]) -> Template:
    """Return the prompt that `render` gives, with slots in place of the inputs.

    An input that is not text also gets a slot, to be filled with the value as text.
    """
    slotted = signature.model_copy(update={"inputs": tuple(map(_as_text, signature.inputs))})
    shown = [_in_words(demo, layout, signature) for demo in demos]
    names = [field.name for field in signature.inputs]

    def rendered(inputs: Mapping[str, str]) -> Prompt:
        return render(layout, slotted, instructions=instructions, demos=shown, inputs=inputs)

    own = rendered(dict.fromkeys(names, "")).full_text
    key = next(key for key in itertools.count() if f"\ue000{key}:" not in own)
    marks = {name: f"\ue000{key}:{place}\ue001" for place, name in enumerate(names)}
    prompt = rendered(marks)
    return Template(
        text=_split(prompt.text, marks),
        turns=tuple(Turn(message.role, _split(message.content, marks)) for message in prompt.messages),
        stop=prompt.stop,
        escaping=escaping(layout, signature),
        question=prompt.question,
    )


def filled(pieces: Iterable[str | Slot], values: Mapping[str, str]) -> str:
    """Return the text with a value in each slot.

    >>> filled(("Text: ", Slot("text")), {"text": "Superb."})
    'Text: Superb.'
    """
    return "".join(values[piece.field] if isinstance(piece, Slot) else piece for piece in pieces)


def _split(text: str, marks: Mapping[str, str]) -> Pieces:
    slots = {mark: Slot(name) for name, mark in marks.items()}
    pattern = "|".join(map(re.escape, slots))
    return tuple(slots.get(piece, piece) for piece in re.split(f"({pattern})", text) if piece)


def _as_text(field: Field) -> Field:
    """Return the field as free text, so that `render` accepts a placeholder as its value."""
    return field.model_copy(update={"type": Text(), "abstains": False, "optional": False})


def _in_words(demo: Demo, layout: Layout, signature: Signature) -> Demo:
    """Return the demo with each input as the text that the prompt has for it."""
    texts = {field.name: input_text(layout, field, demo.inputs[field.name]) for field in signature.inputs}
    return demo.model_copy(update={"inputs": texts})
