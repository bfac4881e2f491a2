"""Parse a completion into typed values, without ever raising."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cribsheet.layout import Layout
from cribsheet.outcomes import UNANSWERABLE, Unanswerable, Value
from cribsheet.signature import Field, Signature
from cribsheet.text import PUNCTUATION, half_character, starts_with_word, unquoted

_SENTENCE = re.compile(r"[.!?](?=\s|$)|[。！？]")
"""The end of a sentence, and not the point of a decimal number."""


@dataclass(frozen=True)
class ParseFailure:
    """A completion that cannot be parsed into the outputs; it is counted separately from wrong answers."""

    reason: str
    """What was expected, and what the completion has instead."""

    def get(self, name: str) -> None:
        """Return None for any name, because there are no values."""


def parse(layout: Layout, signature: Signature, text: str) -> Mapping[str, Value] | ParseFailure:
    """Return the value of each output, or a ParseFailure that says what is wrong with the completion."""
    outputs: dict[str, Value] = {}
    rest: str | None = _without_opening(layout, signature.outputs[0], text)
    for field, following in zip(signature.outputs, (*signature.outputs[1:], None), strict=True):
        if rest is None:
            return ParseFailure(f"no {layout.word(field.name)!r} in {text[:80]!r}")
        raw, rest = _take(layout, field, following, rest)
        value = read_value(layout, field, raw)
        if isinstance(value, ParseFailure):
            return value
        outputs[field.name] = value
    return outputs


def up_to_second(layout: Layout, signature: Signature, text: str, *, is_cut: bool, anew: bool = False) -> str | None:
    """Return the first output of a completion that lacks the second one, followed by the opening mark of the second.

    `is_cut` says whether the completion was cut off. Then the sentence at its end is left out, if it is not the only
    one. With `anew`, the completion may also have a second output, which is dropped. Return None if the completion does
    not lack the second output, has no text, or if the first output is not text.
    """
    first, *others = signature.outputs
    if not (others and first.type.is_text):
        return None
    mark = layout.output_mark
    written, rest = _take(layout, first, others[0], text)
    if (rest is not None and not anew) or not written.strip():
        return None
    is_cut = is_cut and rest is None
    closing = layout.closing(first.name, mark)
    if closing and closing in written:
        written, is_cut = written.partition(closing)[0], False
    sentences = [*_SENTENCE.finditer(written)] if is_cut else []
    whole = written[: sentences[-1].end()] if sentences else written
    return f"{whole.rstrip()}{closing}{layout.between_fields}{layout.opening(others[0].name, mark)}"


def parse_field(layout: Layout, field: Field, text: str) -> Value | ParseFailure:
    """Return the value of the only output, or a ParseFailure that says what is wrong with the completion."""
    raw, _ = _take(layout, field, None, _without_opening(layout, field, text))
    return read_value(layout, field, raw)


def read_value(layout: Layout, field: Field, raw: str) -> Value | ParseFailure:
    """Return the typed value of the text between a field's marks."""
    text = raw.strip()
    content = unquoted(text)
    if field.type.may_be_text and content is not None:
        return _coerced(field, content)
    is_json = field.type.is_structured and text.startswith(("[", "{", "("))
    if field.abstains and not is_json and (found := _read_unanswerable(layout, field, text)) is not None:
        return field.shown(found)
    if not (field.type.is_structured or field.type.may_be_text) and _has_several_parts(text):
        return ParseFailure(f"{field.name} must be {field.type.noun} but got {text[:80]!r}")
    try:
        return field.type.read_as(text, layout.verbalizer, layout.notation(field))
    except ValueError as error:
        return ParseFailure(f"{field.name} {error}")


def _coerced(field: Field, content: str) -> Value | ParseFailure:
    """Return the text of a JSON string as a value; it may be too long, or have half a character."""
    try:
        return field.type.coerce(content)
    except ValueError as error:
        return ParseFailure(f"{field.name} {error}")


def _has_several_parts(text: str) -> bool:
    """Tell whether a text is JSON of several values, of which one would have to be guessed."""
    if not text.startswith(("[", "{")):
        return False
    try:
        whole, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):  # a number of thousands of digits is a plain ValueError
        return False
    return len(whole) > 1


def _without_opening(layout: Layout, field: Field, text: str) -> str:
    """Remove the opening mark at the start of a completion: models often repeat it."""
    opening = layout.opening(field.name, layout.output_mark)
    stripped = text.lstrip()
    return stripped[len(opening) :] if opening and stripped.startswith(opening) else text


def _take(layout: Layout, field: Field, following: Field | None, text: str) -> tuple[str, str | None]:
    """Return the text inside the field's marks, and the text after the next field's opening mark (None if missing)."""
    mark = layout.output_mark
    end = _end_of_quoted(text)
    closing = layout.closing(field.name, mark)
    if following is None:
        at = text.find(layout.end(field), end or _content_start(text))
        return (text if at < 0 else text[:at]), ""
    opening = layout.between_fields + layout.opening(following.name, mark)
    at = text.find(closing + opening, end)
    if at < 0:
        return text, None
    return text[:at], text[at + len(closing + opening) :]


def _content_start(text: str) -> int:
    """Return where the text starts after leading white space: some answers begin after a line break."""
    return len(text) - len(text.lstrip())


def _end_of_quoted(text: str) -> int:
    """Return the position where a leading JSON string ends; 0 if there is none."""
    start = _content_start(text)
    if not text.startswith('"', start):
        return 0
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError:
        return 0
    return end


def _read_unanswerable(layout: Layout, field: Field, text: str) -> Unanswerable | None:
    word = layout.verbalizer(UNANSWERABLE)
    if not starts_with_word(text, word):
        return None
    others = (layout.verbalizer(outcome) for outcome in field.closed_outcomes)
    if any(len(other) > len(word) and starts_with_word(text, other) for other in others):
        return None  # a label such as `unanswerable question`
    rest = text.lstrip(PUNCTUATION)[len(word) :].lstrip(" .:,;-—。：，")
    content = unquoted(rest)
    if content is None or half_character(content):
        return Unanswerable(reason=rest or None)
    return Unanswerable(reason=content)
