"""The command `ask`."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from cribsheet.cli._answering import answer_file
from cribsheet.cli._command import Command, Group, api_base_option, json_option, model_option, timeout_option
from cribsheet.cli._display import open_display
from cribsheet.cli._inputs import emptiness, empty_input, given_inputs, input_options
from cribsheet.cli._programs import Runnable, open_its_model, open_program
from cribsheet.cli._stopping import ended_by_ctrl_c
from cribsheet.cli._terminal import print_json
from cribsheet.corrections import Outputs
from cribsheet.frozen.running import unreadable
from cribsheet.frozen.summary import answer_summary
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import Value, to_text
from cribsheet.signature import with_defaults
from cribsheet.signature.options import option_name
from cribsheet.workspace import current_workspace


class _Ask(Group):
    """A group whose commands are the frozen files, each with one option per input."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise click.UsageError(
                f"{error.message} Name the file before its options: cribsheet ask FILE {error.option_name} …", ctx=ctx
            ) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return []

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        return _command_of(open_program(Path(cmd_name), current_workspace()))


@click.group("ask", cls=_Ask, subcommand_metavar="FILE --INPUT VALUE …")
def command() -> None:
    """Answer with the frozen prompt in FILE. Each of its inputs is an option.

    `cribsheet ask FILE --help` lists them. The value - reads standard input.

    \b
    Example:
      cribsheet ask grounded_qa.prompt.json --question "Who wrote it?" --context - < page.txt
      cribsheet ask grounded_qa.prompt.json --jsonl questions.jsonl --out answers.jsonl
    """


def _command_of(program: Runnable) -> Command:
    @model_option
    @api_base_option
    @timeout_option
    @click.option(
        "--jsonl",
        type=click.Path(allow_dash=True, path_type=Path),
        metavar="IN",
        help="Answer a file of rows, one JSON object per line, instead of one row.",
    )
    @click.option(
        "--out",
        type=click.Path(path_type=Path),
        metavar="OUT",
        help="With --jsonl: the file for the rows with their outputs or errors.  [default: standard output]",
    )
    @json_option
    def run(**options: Any) -> None:
        _run(program, **options)

    return _with_inputs(program, run)


class _Answer(Command):
    """The command of one frozen file."""

    takes: str
    """A sentence that lists its inputs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read its arguments; if an option is unknown, name those of the inputs."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = [option for param in self.params for option in param.opts if option.startswith("--")]
            alike = get_close_matches(error.option_name, known, n=1, cutoff=0.75)
            hint = f"Did you mean {alike[0]!r}? " if alike else ""
            raise click.UsageError(f"No such option {error.option_name!r}. {hint}{self.takes}", ctx=ctx) from None


def _with_inputs(program: Runnable, run: Callable[..., None]) -> Command:
    outputs = [field.name for field in program.signature.outputs]
    are = "outputs are" if len(outputs) > 1 else "output is"
    about = f"Answer with {program.frozen.task}, compiled for {program.frozen.model.name}."
    made = click.command(cls=_Answer, help=f"{about} Its {are} {', '.join(outputs)}.")(run)
    made.takes = _takes(program)
    made.params = [*input_options(program.signature.inputs), *made.params]
    return made


def _checked(program: Runnable, given: Mapping[str, Value]) -> dict[str, Value]:
    """Return the inputs of one row, with defaults; UsageError if one is missing, of a wrong type, or empty."""
    fields = program.signature.inputs
    inputs = with_defaults(fields, given)
    missing = [field.name for field in fields if field.name not in inputs]
    if missing:
        raise click.UsageError(f"Missing option '{option_name(missing[0])}'. {_takes(program)}")
    try:
        typed = {field.name: field.coerce(inputs[field.name]) for field in fields}
    except ValueError as error:  # a default that its own type does not allow
        raise click.UsageError(f"{error}. {_takes(program)}") from None
    if empty := empty_input(program, typed):
        raise click.UsageError(emptiness(option_name(empty.name), empty))
    return typed


def _run(
    program: Runnable,
    *,
    model: str | None,
    api_base: str | None,
    timeout: float,
    jsonl: Path | None,
    out: Path | None,
    as_json: bool,
    **parameters: Any,
) -> None:
    inputs = given_inputs(parameters)
    if out and not jsonl:
        raise click.UsageError("--out works only with --jsonl. Give --jsonl too, or leave --out out.")
    if jsonl and as_json:
        raise click.UsageError("--jsonl always writes JSON, and --json is for one row. Leave one of them out.")
    if jsonl and inputs:
        option = option_name(next(iter(inputs)))
        raise click.UsageError(f"--jsonl has the inputs, but {option} was given too. Leave one of them out.")
    inputs = inputs if jsonl else _checked(program, inputs)
    with open_display("rows") as display:
        opened = open_its_model(program.frozen, model=model, api_base=api_base, timeout=timeout, display=display)
        try:
            with ended_by_ctrl_c(opened):
                if jsonl:
                    answer_file(program, opened, source=jsonl, out=out, display=display)
                    return
                result = program.answer(inputs, opened)
        finally:
            opened.close()
    if isinstance(result.outputs, ParseFailure):
        raise unreadable(result.outputs, result.text)
    if as_json:
        print_json(answer_summary(result.outputs, result))
    else:
        _print(result.outputs)


def _takes(program: Runnable) -> str:
    return f"The file takes {', '.join(option_name(field.name) for field in program.signature.inputs)}, or --jsonl."


def _print(outputs: Outputs) -> None:
    for name, value in outputs.items():
        click.echo(to_text(value) if len(outputs) == 1 else f"{name}: {to_text(value)}")
