"""Have a written answer be a span of an input."""

from collections.abc import Mapping
from dataclasses import dataclass

from cribsheet.corrections.pointer import Pointer
from cribsheet.corrections.spans import Spans, extract
from cribsheet.layout import Layout
from cribsheet.models import Completer, Completion, Sampling
from cribsheet.models.next_token import NextTokens
from cribsheet.prompts import Prompt
from cribsheet.text import is_grounded, lead_text

ALTERNATIVES = 64
"""How many tokens to be told of where an answer is extracted; some servers tell fewer."""


@dataclass(frozen=True)
class Extraction:
    """What became of one written answer."""

    span: str | None
    """What takes its place; None where it stands as it was written."""
    asked: tuple[tuple[Prompt, Completion], ...] = ()
    """What the model was asked for it, and said."""


@dataclass(frozen=True)
class Writing:
    """How an answer is written."""

    layout: Layout
    source: str
    """The input that the answer has to be a span of."""
    pointer: Pointer | None
    max_tokens: int


def extraction(
    prompt: Writing, inputs: Mapping[str, object], value: str, *, asked: Prompt, said: Completion, model: Completer
) -> Extraction:
    """Return the span of the prompt's source that takes the place of a value that was read from what the model said.

    Where a pointer has the answer begin elsewhere, the model is asked to go on from there.
    """
    text, words = str(inputs[prompt.source]), _beginning(said.text, value)
    spans, further = Spans(text), []
    word = _pointed(prompt, inputs, text, value, said)
    if word and not spans.begun(words).startswith(word.lower()):
        begun = asked.followed_by(prompt.layout.output_mark.gap + word)
        rest = model.complete(begun, Sampling(max_tokens=prompt.max_tokens))
        further.append((begun, rest))
        words = prompt.layout.output_mark.gap + word + rest.text
        if spans.hold(words):
            return Extraction(words.strip(), tuple(further))
    elif is_grounded(value, text):
        return Extraction(None)
    # What ends the answer is an alternative, too.
    unstopped = asked.model_copy(update={"stop": ()})
    going_on = NextTokens(unstopped, model, Sampling(max_tokens=1, top_logprobs=ALTERNATIVES))
    span = extract(words, text, going_on, stops=asked.stop, tokens=prompt.max_tokens)
    return Extraction(span or None, (*further, *going_on.asked))


def _beginning(text: str, value: str) -> str:
    """Return a text up to the end of a value that it begins with, white space aside; empty where it does not."""
    before, found, _ = text.partition(value) if value else (text, "", "")
    return "" if before.strip() else before + found


def _pointed(prompt: Writing, inputs: Mapping[str, object], text: str, value: str, said: Completion) -> str:
    """Return the word that the answer should begin with; empty where nothing points at one."""
    pointer = prompt.pointer
    if pointer is None or not said.first_token:
        return ""
    return pointer.points_at(text, lead_text(inputs, pointer.lead), written=value, first_token=said.first_token)
