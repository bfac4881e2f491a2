"""Write the grammar of the completions that say a signature's outputs."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from cribsheet.layout.layout import Layout
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import RULES, either, literal


def grammar_of(layout: Layout, signature: Signature) -> str:
    """Return the grammar to which an engine can hold a completion, as GBNF; empty if there is none.

    There is one if an output is made of other values and all of these are written as JSON. A value that the grammar
    allows may still be refused, for example because a number is out of its bounds.
    """
    structured = [field for field in signature.outputs if field.type.is_structured]
    if layout.is_question or not structured or any(layout.notation(field) != "json" for field in structured):
        return ""
    return _grammar(layout, signature)


def grammar_after_first(layout: Layout, signature: Signature) -> str:
    """Return the grammar of what follows a first output and the opening mark of the second; empty if there is none.

    There is one if the first output is a text, such as a rationale, and none of the others is one or is written in
    another notation than JSON.
    """
    first, *others = signature.outputs
    if layout.is_question or not others or not first.type.is_text:
        return ""
    if any(field.type.may_be_text or layout.notation(field) != "json" for field in others):
        return ""
    return _grammar(layout, signature.without_outputs([first.name]))


def schema_of(layout: Layout, signature: Signature) -> str:
    """Return the JSON Schema to which a server can hold a completion, as JSON; empty if there is none.

    There is one if the only output is made of other values, is written as JSON and never abstains, so that the whole
    answer is JSON.
    """
    field, *others = signature.outputs
    if others or field.abstains or not field.type.is_structured or not grammar_of(layout, signature):
        return ""
    is_marked = layout.closing(field.name, layout.output_mark)
    return "" if is_marked else json.dumps(field.type.json_schema(), ensure_ascii=False)


class Holding(NamedTuple):
    """The settings of `Sampling` that hold a completion; empty for free text."""

    grammar: str = ""
    answer_schema: str = ""


def holding(layout: Layout, signature: Signature, held_by: str) -> Holding:
    """Return what holds the completions of a prompt, by the way that its decoding names."""
    if held_by == "grammar":
        return Holding(grammar=grammar_of(layout, signature))
    return Holding(answer_schema=schema_of(layout, signature)) if held_by == "json_schema" else Holding()


def _grammar(layout: Layout, signature: Signature) -> str:
    root = " ".join(_pieces(layout, signature))
    used: dict[str, str] = {}
    _add_rules(root, used)
    return "\n".join(f"{name} ::= {body}" for name, body in {"root": root, **used}.items())


def _pieces(layout: Layout, signature: Signature) -> Iterator[str]:
    mark = layout.output_mark
    for position, field in enumerate(signature.outputs):
        gap = layout.gap(field, mark)
        if position:
            yield literal(layout.between_fields + layout.opening(field.name, mark) + gap)
        elif gap:
            yield f"{literal(gap)}?"  # an answer of a chat begins without it
        yield _value(layout, field)
        if closing := layout.closing(field.name, mark):
            yield literal(closing)


def _value(layout: Layout, field: Field) -> str:
    own = field.type.written_grammar(layout.verbalizer)
    return either([own, literal(layout.verbalizer(UNANSWERABLE))]) if field.abstains else f"({own})"


def _add_rules(expression: str, used: dict[str, str]) -> None:
    """Add the rules that an expression names, and those that they name."""
    outside = re.sub(r'"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]', " ", expression)
    for name in re.findall(r"[a-z]+", outside):
        if name not in used:
            used[name] = RULES[name]
            _add_rules(RULES[name], used)
