"""Read a program's inputs from JSON, or from the text of a message."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cribsheet.outcomes import Value, texts_in, to_json
from cribsheet.serve.refusals import Refusal
from cribsheet.signature import Field, with_defaults
from cribsheet.text import check_characters

Inputs = dict[str, Value]


def inputs_of_json(given: Mapping[str, Any], fields: Sequence[Field]) -> Inputs:
    """Return the typed inputs of a JSON object; a value has to have the JSON type of its field.

    Raises:
        Refusal: if an input is missing, unknown, or of another type.
    """
    given = with_defaults(fields, given)
    check_names(given, fields)
    return {field.name: _typed(field, given[field.name]) for field in fields}


def inputs_of_text(text: str, fields: Sequence[Field]) -> Inputs:
    """Return the typed inputs that a message holds.

    If there is one input, it is the whole text. Several are read from a JSON object, or from lines `name: value`; a
    value goes on until the next line that begins with a name.

    Raises:
        Refusal: if the text holds other inputs, or holds one twice.
    """
    if len(fields) == 1:
        return {fields[0].name: coerced(fields[0], text)}
    if text.lstrip().startswith("{"):
        return inputs_of_json(_object(text, fields), fields)
    told = with_defaults(fields, _lines(text, fields))
    check_names(told, fields)
    return {field.name: coerced(field, told[field.name]) for field in fields}


def check_names(given: Mapping[str, Any], fields: Sequence[Field]) -> None:
    """Raise a Refusal if an input is missing or unknown."""
    names = [field.name for field in fields]
    for name in names:
        if name not in given:
            raise _misfit(f"The input {name!r} is missing. {_wanted(names)}", name)
    for name in given:
        if name not in names:
            raise _misfit(f"There is no input {name!r}. {_wanted(names)}")


def example_of(fields: Sequence[Field]) -> str:
    """Return the JSON of inputs, with dots in the place of their values, for a message."""
    dots = (f"{json.dumps(field.name)}: " + ('"…"' if field.type.is_text else "…") for field in fields)
    return f"{{{', '.join(dots)}}}"


def _wanted(names: Sequence[str]) -> str:
    return f"Give {', '.join(names)}."


def _typed(field: Field, raw: Any) -> Value:
    value = coerced(field, raw)
    if _json_type(to_json(value)) != _json_type(raw):
        schema = json.dumps(field.json_schema(), ensure_ascii=False)
        raise _misfit(
            f"{field.name} got {_json_type(raw)}, which does not fit its type, {schema}. Correct it.", field.name
        )
    return value


def _json_type(value: object) -> str:
    """Return the name of a value's type in JSON."""
    if isinstance(value, bool):
        return "a boolean"
    names = ((str, "a string"), ((int, float), "a number"), (dict, "an object"), (list, "an array"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def coerced(field: Field, raw: object) -> Value:
    """Return a typed value; Refusal if it does not fit the field, or has a character that no prompt can hold."""
    try:
        value = field.coerce(raw)
        for text in texts_in(value):
            check_characters(field.name, text)
    except ValueError as error:
        raise _misfit(f"{error}. Correct it.", field.name) from None
    return value


def _object(text: str, fields: Sequence[Field]) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _misfit(f"The message begins as a JSON object but is none: {error}. {_ways(fields)}") from None
    if not isinstance(value, dict):
        raise _misfit(f"The message is JSON but no object. {_ways(fields)}")
    return value


def _lines(text: str, fields: Sequence[Field]) -> dict[str, str]:
    """Return what follows each `name:` at the start of a line."""
    names = {field.name.replace("_", " ").casefold(): field.name for field in fields}
    begins = re.compile(rf"^[ \t]*({'|'.join(map(_as_pattern, names))})[ \t]*[:：][ \t]*", re.IGNORECASE | re.MULTILINE)
    found = list(begins.finditer(text))
    if not found or text[: found[0].start()].strip():
        raise _misfit(f"The message does not begin with the name of an input. {_ways(fields)}")
    ends = [*(one.start() for one in found[1:]), len(text)]
    told: dict[str, str] = {}
    for one, end in zip(found, ends, strict=True):
        name = names[one.group(1).replace("_", " ").casefold()]
        if name in told:
            raise _misfit(f"The message has two lines that begin with {name!r}. Send a JSON object instead.")
        told[name] = text[one.end() : end].strip()
    return told


def _as_pattern(name: str) -> str:
    return re.escape(name).replace(r"\ ", "[ _]")


def _ways(fields: Sequence[Field]) -> str:
    names = [field.name for field in fields]
    example = json.dumps(dict.fromkeys(names, "…"), ensure_ascii=False)
    return f"Send {example}, or lines that begin with {', '.join(f'{name}:' for name in names)}"


def _misfit(message: str, param: str | None = None) -> Refusal:
    return Refusal(422, message, kind="invalid_inputs", param=param)
