"""Command line options for the inputs of a signature."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import click

from cribsheet.cli._arguments import argument_text
from cribsheet.cli._programs import Runnable
from cribsheet.dataset.jsonl_files import read_text
from cribsheet.errors import DataError
from cribsheet.frozen import FrozenProgram, Wire
from cribsheet.frozen.loading import Program
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.signature import Field
from cribsheet.signature.options import option_name
from cribsheet.text import check_characters, is_blank

_PREFIX = "input__"
_STDIN = "cribsheet.stdin"


def input_options(fields: Iterable[Field]) -> list[click.Parameter]:
    """Return an option for each input; `given_inputs` reads their values."""
    return [
        click.Option(
            [option_name(field.name), f"{_PREFIX}{field.name}"],
            type=_InputType(field),
            metavar=field.type.metavar,
            help=field.description or f"The {field.name.replace('_', ' ')}.",
        )
        for field in fields
    ]


def given_inputs(parameters: dict[str, Value | None]) -> dict[str, Value]:
    """Return the inputs that were given among a command's parameters."""
    return {
        name.removeprefix(_PREFIX): value
        for name, value in parameters.items()
        if name.startswith(_PREFIX) and value is not None
    }


def empty_input(program: Runnable, inputs: Mapping[str, Value]) -> Field | None:
    """Return an input that is an empty text, which no default and no demonstration allows; None if there is none.

    It may be empty if that is its default, or if a demonstration of the prompts has it empty.
    """
    for field in program.signature.inputs:
        value = inputs[field.name]
        if not (field.type.is_text and isinstance(value, str) and is_blank(value)) or value == field.default:
            continue
        shown = [*_shown(program.frozen, field.name)]
        if shown and not any(isinstance(one, str) and is_blank(one) for one in chain(*shown)):
            return field
    return None


def emptiness(name: str, field: Field) -> str:
    """Return what is wrong with an empty input, and what to do; `name` is the input's name in the message."""
    way = "Write null if it has no value." if field.optional else "Give it a text."
    return f"{name} is empty. No demonstration of the prompt has an empty one, so the answer would be invented. {way}"


def _shown(frozen: FrozenProgram, name: str) -> Iterator[list[object]]:
    """Yield, for each prompt that takes an input of the program, its values in the demonstrations."""
    for predictor, prompt in frozen.prompts.items():
        wires = frozen.wiring.inputs[predictor] if frozen.wiring else {}
        for own in prompt.signature.inputs:
            if wires.get(own.name, Wire(source=None, field=own.name)) == Wire(source=None, field=name):
                yield [demo.inputs.get(own.name) for demo in prompt.demos]


def ask_line(program: FrozenProgram, path: Path) -> str:
    """Return a command line that asks the frozen file."""
    options = " ".join(f'{option_name(field.name)} "…"' for field in Program(program).inputs)
    return f"cribsheet ask {path} {options}"


class _InputType(click.ParamType):  # type: ignore[type-arg]  # generic in some releases of click
    """The value of a field; `-` reads it from standard input."""

    def __init__(self, field: Field):
        self.name = field.type.kind
        self._field = field

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        try:
            text = self._read(param, ctx) if value == "-" else argument_text(value)
            if self._field.abstains and is_blank(text):
                return Unanswerable()  # None if the input is optional, as an empty cell of a table
            check_characters(self._field.name, text)
            return self._field.coerce(text)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)

    def _read(self, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if ctx is not None and ctx.meta.setdefault(_STDIN, self._field.name) != self._field.name:
            self.fail(
                f"standard input is already used for {ctx.meta[_STDIN]}, and it can be read only once.", param, ctx
            )
        try:
            return read_text("-").removesuffix("\n")
        except DataError as error:
            self.fail(str(error), param, ctx)
