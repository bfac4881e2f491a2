"""Export to a Jinja2 template that renders exactly the bytes of the prompt.

The template is for `jinja2.Environment()` with its default delimiters and without autoescaping. `trim_blocks`,
`lstrip_blocks` and `keep_trailing_newline` make no difference, because the template has no white space around its
comment and its one macro, and else only expressions. Syntax: https://jinja.palletsprojects.com/en/stable/templates/
"""

import itertools
import json
import re
from collections.abc import Iterable

from cribsheet.errors import ExportError
from cribsheet.export._base import Export, Source
from cribsheet.export._caveats import caveats, input_forms
from cribsheet.layout.escaping import Escaping
from cribsheet.layout.template import Pieces, Slot, Turn, filled
from cribsheet.text import counted

_CONSTANTS = frozenset({"true", "false", "none", "self", "namespace"})
"""Names that always have a special meaning in Jinja, or that the macro calls."""
_UNSAFE = re.compile(r"\{(?=[{%#\r]|\n?\Z)|\r+|\n\Z")
"""What has to be escaped: what Jinja's lexer rewrites or drops, and a brace that starts a delimiter or would form one
together with what follows."""


def to_jinja(source: Source) -> Export:
    """Return a template of the raw text, or of the chat's messages as JSON.

    Raises:
        ExportError: if an input has a name that a template cannot use.
    """
    check_names(source)
    path = source.saved_as("jinja")
    opened, name = source.opened, macro_name(source)
    text = _messages(opened.turns, name) if opened.turns else _text(opened.text, name)
    return Export(
        target="jinja",
        text=f"{{# {source.score('text')} #}}{macro(name, opened.escaping)}{text}",
        file_name=path,
        usage=_usage(source, path),
        carriage="text",
        score=source.score("text"),
        caveats=(_decoding(source), *caveats(source)),
    )


def check_names(source: Source) -> None:
    taken = [field.name for field in source.prompt.signature.inputs if field.name in _CONSTANTS]
    if taken:
        raise ExportError(
            f"The input {taken[0]!r} cannot be a variable of a Jinja template, because that name has a special meaning "
            "there. Rename it in the signature, or export to openai."
        )


def macro_name(source: Source) -> str:
    """Return a name for the macro that is not the name of an input."""
    taken = {field.name for field in source.prompt.signature.inputs}
    names = ("escaped" + "_" * count for count in itertools.count())
    return next(name for name in names if name not in taken)


def macro(name: str, escaping: Escaping, *, first: Iterable[tuple[str, str]] = (), ending: str = "") -> str:
    """Return a macro that makes the replacements in the text of an input, those of `first` before the others.

    An input that is missing or is not text ends the rendering: Jinja would write it as Python does, such as `True`, and
    not as the prompt does. A template cannot raise an error, so the macro calls something undefined, with the message
    as its name. The empty expression after it keeps `trim_blocks` from taking a line break of the prompt.
    """
    pairs = ",\n".join(f"({old!r}, {new!r})" for old, new in (*first, *escaping.pairs))
    return (
        f"{{% macro {name}(value, input) %}}"
        "{% if value is not string %}{{ {}[input ~ ' must be text, written as in the prompt, but is ' "
        "~ (value if value is defined else 'missing') | string | truncate(80, true)]() }}"
        "{% endif %}{% set own = namespace(text=value) %}"
        f"{{% for old, new in [\n{pairs}] %}}{{% set own.text = own.text | replace(old, new) %}}{{% endfor %}}"
        f"{{{{ own.text{ending} }}}}{{% endmacro %}}{{{{ '' }}}}"
    )


def _text(pieces: Pieces, name: str) -> str:
    return "".join(f"{{{{ {call(name, piece)} }}}}" if isinstance(piece, Slot) else literal(piece) for piece in pieces)


def call(name: str, slot: Slot) -> str:
    """Return the call of the macro that writes an input."""
    return f"{name}({slot.field}, '{slot.field}')"


def literal(text: str) -> str:
    """Return template text that renders as the text.

    >>> literal("{{ x }}")
    "{{ '{' }}{ x }}"
    """
    return _UNSAFE.sub(lambda found: f"{{{{ {found.group()!r} }}}}", text)


def _messages(turns: tuple[Turn, ...], name: str) -> str:
    """Return the messages as JSON, one per line; the last one's content is an expression that ends in `tojson`."""
    *before, last = turns
    lines = [
        literal(json.dumps({"role": turn.role, "content": filled(turn.content, {})}, ensure_ascii=False))
        for turn in before
    ]
    content = " ~ ".join(call(name, piece) if isinstance(piece, Slot) else repr(piece) for piece in last.content)
    lines.append(f'{{"role": {json.dumps(last.role)}, "content": {{{{ ({content}) | tojson }}}}}}')
    return "[\n" + ",\n".join(lines) + "\n]"


def _usage(source: Source, path: str) -> str:
    arguments = ", ".join(f"{field.name}=…" for field in source.prompt.signature.inputs)
    forms = "".join(f"\n# {line}" for line in input_forms(source.prompt))
    rendered = f"template.render({arguments})"
    is_chat = bool(source.opened.turns)
    return (
        "import jinja2, pathlib" + (", json" if is_chat else "") + "\n"
        "environment = jinja2.Environment(undefined=jinja2.StrictUndefined)\n"
        f"template = environment.from_string(pathlib.Path({path!r}).read_text(encoding='utf-8')){forms}\n"
        + (f"messages = json.loads({rendered})" if is_chat else f"prompt = {rendered}")
    )


def _decoding(source: Source) -> str:
    kind = "the messages" if source.opened.turns else "the prompt, raw, without a chat template,"
    stops = json.dumps(list(source.opened.stop), ensure_ascii=False)
    return (
        f"A template contains only text. Send {kind} to {source.model.name} with stop {stops}, at most "
        f"{counted(source.sampling.max_tokens, 'token')} and temperature {source.sampling.temperature:g}."
    )
