"""The command line of an exported module."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cribsheet.dataset.jsonl import json_objects
from cribsheet.dataset.jsonl_files import json_text, opened, read_text, write_row
from cribsheet.errors import ContextOverflowError, CribsheetError, DataError
from cribsheet.export.standalone.client import Client, connect
from cribsheet.export.standalone.program import Program, Result, result_of
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import to_json

OWN_OPTIONS = frozenset({"model", "api", "api-base", "api-key", "timeout", "jsonl", "out", "json", "help"})
"""What the command takes besides inputs; an input of such a name is given as `--input-NAME`."""

_PREFIX = "input "
_FAILED, _INTERRUPTED = 1, 130

Row = dict[str, Any]


def command(program: Program, arguments: Sequence[str] | None, *, about: str) -> int:
    """Run the command line of a program and return its exit status.

    That is 0 if all went well, 1 if there is no answer, 130 after Ctrl-C. Wrong options exit with 2 at once.
    """
    options = _parsed(program, arguments, about)
    server = {name: options[name] for name in ("api", "api_base", "api_key", "model", "timeout")}
    try:
        if options["jsonl"]:
            rows = list(_rows(program, options["jsonl"]))
            _answer_rows(program, connect(program, **server), rows, options["out"])
        else:
            inputs = _inputs(program, options)
            _print(result_of(program.run(inputs, connect(program, **server))), as_json=options["json"])
    except CribsheetError as error:
        sys.stderr.write(f"Error: {error}\n")
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # a reader that went away is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def option_name(field: str) -> str:
    """Return the option of an input.

    >>> option_name("due_date"), option_name("model")
    ('--due-date', '--input-model')
    """
    plain = field.replace("_", "-")
    bare = plain
    while bare.startswith("input-"):  # else the inputs model and input_model would share an option
        bare = bare[len("input-") :]
    return f"--input-{plain}" if bare in OWN_OPTIONS else f"--{plain}"


def _parsed(program: Program, arguments: Sequence[str] | None, about: str) -> dict[str, Any]:
    """Return the options by name, those of inputs after a prefix; it exits if they are wrong."""
    import argparse  # here, for who imports the module to call it does not need it

    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    for field in program.inputs:
        told = (field.description or f"the {field.name.replace('_', ' ')}") + "; - reads standard input"
        parser.add_argument(
            option_name(field.name), dest=_PREFIX + field.name, metavar=field.type.metavar, help=told.replace("%", "%%")
        )
    parser.add_argument(
        "--jsonl", metavar="IN", help="answer a file of rows, one JSON object a line, - for standard input"
    )
    parser.add_argument("--out", metavar="OUT", help="with --jsonl, where the rows go with their outputs")
    parser.add_argument("--json", action="store_true", help="print the answer with its probability as JSON")
    parser.add_argument("--api", choices=("ollama", "openai"), help="the server's API; asked of the server by default")
    parser.add_argument("--api-base", metavar="URL", help="its address, such as http://127.0.0.1:8080/v1")
    parser.add_argument("--api-key", metavar="KEY", help="its key; OPENAI_API_KEY or OLLAMA_API_KEY by default")
    parser.add_argument("--model", metavar="NAME", help=f"what the server calls the model compiled as {program.model}")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="how long one answer may take")
    options: dict[str, Any] = dict(parser.parse_args(arguments).__dict__)
    if problem := _problem(program, options):
        parser.error(problem)
    return options


def _problem(program: Program, options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that do not go together; empty if they do."""
    given = [field.name for field in program.inputs if options[_PREFIX + field.name] is not None]
    missing = [field.name for field in program.inputs if field.name not in given]
    if options["out"] and not options["jsonl"]:
        return "--out is where the rows of --jsonl go. Give --jsonl too, or leave it out."
    if options["jsonl"] and given:
        return f"--jsonl holds the inputs, but {option_name(given[0])} was given too."
    if missing and not options["jsonl"]:
        takes = ", ".join(option_name(field.name) for field in program.inputs)
        return f"{option_name(missing[0])} is missing. The module takes {takes}, or --jsonl."
    if len([name for name in given if options[_PREFIX + name] == "-"]) > 1:
        return "standard input can be read once; only one input can be -."
    if options["jsonl"] and options["out"] and _is_same(options["jsonl"], options["out"]):
        return f"--out {options['out']} is the file of --jsonl. Name another."
    return "" if options["timeout"] > 0 else "--timeout must be more than 0 seconds."


def _is_same(source: str, out: str) -> bool:
    return source != "-" and os.path.realpath(source) == os.path.realpath(out)


def _inputs(program: Program, options: Mapping[str, Any]) -> Row:
    """Return the inputs that were given as options."""
    given = {field.name: options[_PREFIX + field.name] for field in program.inputs}
    given = {name: read_text("-").rstrip("\n") if value == "-" else value for name, value in given.items()}
    _check("the command line", given, program)
    return given


def _rows(program: Program, source: str) -> Iterator[Row]:
    """Yield the rows of a file; DataError, before any is answered, if one cannot be."""
    row = None
    for where, row in json_objects(read_text(source), source):
        missing = [field.name for field in program.inputs if field.name not in row]
        if missing:
            raise DataError(f"{where}: no field {missing[0]!r}; it has {', '.join(row) or 'none'}.")
        _check(where, row, program)
        yield row
    if row is None:
        raise DataError(f"{source} has no rows. Give it one JSON object a line.")


def _check(where: str, row: Row, program: Program) -> None:
    try:
        values = [field.coerce(row[field.name]) for field in program.inputs]
        "".join(map(str, values)).encode()  # half of a surrogate pair would be a crash later
    except ValueError as error:
        raise DataError(f"{where}: {error}. Correct it there.") from None


def _answer_rows(program: Program, client: Client, rows: Sequence[Row], out: str | None) -> None:
    """Write each row with its outputs, or with an `error`, as soon as it is answered."""
    outputs = {field.name for field in program.outputs}
    answered = 0
    with opened(out) as file:
        for row in rows:
            answer = _answer(program, client, row)
            answered += "error" not in answer or "error" in outputs
            rest = {name: value for name, value in row.items() if name not in outputs}
            write_row(file, {**rest, **answer}, out)
    sys.stderr.write(f"Answered {answered} of {len(rows)} rows{f' into {out}' if out else ''}.\n")


def _answer(program: Program, client: Client, row: Row) -> Row:
    inputs = {field.name: row[field.name] for field in program.inputs}
    try:
        outputs = program.run(inputs, client).outputs
    except ContextOverflowError as error:
        return {"error": str(error)}
    if isinstance(outputs, ParseFailure):
        return {"error": f"the completion cannot be read: {outputs.reason}"}
    return {name: to_json(value) for name, value in outputs.items()}


def _print(result: Result, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json_text(result.summary(), sys.stdout, indent=2) + "\n")
        return
    for name, value in result.outputs.items():
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        line = shown if len(result.outputs) == 1 else f"{name}: {shown}"
        sys.stdout.write(line.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding) + "\n")
