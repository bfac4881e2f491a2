"""Render a signature, its demonstrations, its inputs as a prompt; the same arguments always give the same bytes."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from cribsheet.dataset.examples import Demo
from cribsheet.layout import Layout
from cribsheet.layout.escaping import SPECIAL_TOKENS, Escaping, escaping
from cribsheet.layout.parsing import parse_field
from cribsheet.layout.questions import question_of
from cribsheet.outcomes import UNANSWERABLE, Unanswerable, Value, is_absent, shortest
from cribsheet.prompts import Message, Prompt
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import NONE


def render(
    layout: Layout,
    signature: Signature,
    *,
    instructions: str,
    demos: Sequence[Demo],
    inputs: Mapping[str, Value],
) -> Prompt:
    """Return the prompt that asks for the outputs of `inputs`."""
    if layout.is_question:
        return _questioned(layout, signature, instructions, demos, inputs)
    stop = layout.stops(signature)
    if layout.style == "chat_turns":
        return Prompt(messages=_turns(layout, signature, instructions, demos, inputs), stop=stop)
    escape = escaping(layout, signature)
    asked = _asked(layout, signature, inputs, escape)
    shown = _shown(layout, signature, demos, escape)
    start = [instructions] if layout.instructions_at == "start" and instructions else []
    end = [instructions] if layout.instructions_at == "end" and instructions else []
    text = layout.between_demos.join([*start, *shown, *end, asked])
    if layout.style == "raw":
        return Prompt(text=text, stop=stop)
    return Prompt(messages=(Message(role="user", content=text),), stop=stop)


def render_outputs(layout: Layout, signature: Signature, outputs: Mapping[str, Value]) -> str:
    """Return the completion that says `outputs`; `parse` gives the same values back."""
    mark = layout.output_mark
    pieces = []
    for position, field in enumerate(signature.outputs):
        opening = layout.opening(field.name, mark) if position else ""
        value = _output_text(layout, signature, field, outputs[field.name])
        pieces.append(opening + layout.gap(field, mark) + value + layout.closing(field.name, mark))
    return layout.between_fields.join(pieces)


def input_text(layout: Layout, field: Field, value: Value) -> str:
    """Return an input's value as the prompt writes it."""
    if field.abstains and is_absent(value):
        return layout.verbalizer(NONE if value is None else UNANSWERABLE)
    return field.type.write_as(value, layout.verbalizer, layout.notation(field))


def _turns(
    layout: Layout,
    signature: Signature,
    instructions: str,
    demos: Sequence[Demo],
    inputs: Mapping[str, Value],
) -> tuple[Message, ...]:
    escape = escaping(layout, signature)
    system = instructions if layout.instructions_at == "start" else ""
    turns = [Message(role="system", content=system)] if system else []
    for demo in demos:
        answer = render_outputs(layout, signature, demo.outputs).lstrip()
        turns.append(Message(role="user", content=_asked(layout, signature, demo.inputs, escape)))
        turns.append(Message(role="assistant", content=answer))
    last = [instructions] if layout.instructions_at == "end" and instructions else []
    content = layout.between_demos.join([*last, _asked(layout, signature, inputs, escape)])
    return (*turns, Message(role="user", content=content))


def _questioned(
    layout: Layout,
    signature: Signature,
    instructions: str,
    demos: Sequence[Demo],
    inputs: Mapping[str, Value],
) -> Prompt:
    """Return a prompt with a typed question; its text holds the demos with their answers, and then the inputs."""
    escape = escaping(layout, signature)
    shown = _shown(layout, signature, demos, escape)
    case = _asked(layout, signature, inputs, escape, cue=False)
    question = question_of(layout, signature.outputs[0], instructions)
    return Prompt(text=layout.between_demos.join([*shown, case]), question=question)


def _shown(layout: Layout, signature: Signature, demos: Sequence[Demo], escape: Escaping) -> list[str]:
    """Return the text of each demo."""
    return [
        _asked(layout, signature, demo.inputs, escape) + render_outputs(layout, signature, demo.outputs)
        for demo in demos
    ]


def _asked(
    layout: Layout,
    signature: Signature,
    inputs: Mapping[str, Value],
    escape: Escaping,
    *,
    cue: bool | None = None,
) -> str:
    """Return the text before the first output's value: the inputs, the reminder and the output's opening mark."""
    mark = layout.input_mark
    pieces = []
    for field in layout.ordered(signature):
        value = escape.apply(input_text(layout, field, inputs[field.name]))
        gap, closing = layout.gap(field, mark), layout.closing(field.name, mark)
        pieces.append(layout.opening(field.name, mark) + gap + value + closing)
    if layout.reminder:
        pieces.append(layout.reminder)
    if (layout.cue or layout.style != "chat_turns") if cue is None else cue:
        pieces.append(layout.opening(signature.outputs[0].name, layout.output_mark))
    return layout.between_fields.join(pieces)


def _output_text(layout: Layout, signature: Signature, field: Field, value: Value) -> str:
    """Return the value as plain text if parsing that text gives the same value, else as JSON."""
    if field.abstains and is_absent(value):
        return _unanswerable_text(layout, signature, field, value)
    written = field.type.write_as(value, layout.verbalizer, layout.notation(field))
    if field.is_finite or _reads_back(layout, signature, field, written, value):
        return written
    return _json(value if field.type.is_structured else written, partial(_quoted, layout, signature))


def _json(value: Value, quoted: Callable[[str], str]) -> str:
    """Return the JSON of a value; `quoted` writes its texts."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(_json(one, quoted) for one in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{quoted(name)}: {_json(one, quoted)}' for name, one in value.items())}}}"
    return json.dumps(shortest(value))


def _unanswerable_text(layout: Layout, signature: Signature, field: Field, value: Value) -> str:
    word = layout.verbalizer(UNANSWERABLE)
    if not (layout.reasons and isinstance(value, Unanswerable) and value.reason is not None):
        return word
    plain = f"{word}: {value.reason}"
    if _reads_back(layout, signature, field, plain, value):
        return plain
    return f"{word}: {_quoted(layout, signature, value.reason)}"


def _reads_back(layout: Layout, signature: Signature, field: Field, plain: str, value: Value) -> bool:
    openings = (layout.between_fields + layout.opening(other.name, layout.output_mark) for other in signature.outputs)
    written = layout.gap(field, layout.output_mark) + plain
    begins_field = any(mark in written for mark in openings if mark.strip())  # also right after a gap that is a line
    unsafe = (*layout.stops(signature), *SPECIAL_TOKENS)
    if begins_field or any(text in plain for text in unsafe) or plain.startswith('"'):
        return False
    return parse_field(layout, field, written) == value


def _quoted(layout: Layout, signature: Signature, text: str) -> str:
    """Return the text as a JSON string that contains no mark of the layout and no special token."""
    mark = layout.output_mark
    marks = [layout.closing(field.name, mark) for field in signature.outputs] + [*layout.stops(signature)]
    unsafe = {mark[0] for mark in marks if mark} | {token[0] for token in SPECIAL_TOKENS if token in text}
    return '"' + "".join(_escaped(char) if char in unsafe else _json_char(char) for char in text) + '"'


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else json.dumps(char)[1:-1]


def _json_char(char: str) -> str:
    return json.dumps(char, ensure_ascii=False)[1:-1]
