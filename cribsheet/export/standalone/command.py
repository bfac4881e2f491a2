"""The command line of an exported module."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from cribsheet.dataset.asked import ERROR, AskedRow, Row, answered_line, asked_rows, check_inputs, error_name
from cribsheet.dataset.jsonl_files import json_text, opened, read_text, write_row
from cribsheet.errors import ContextOverflowError, CribsheetError, DataError
from cribsheet.export.standalone.client import Client, connect
from cribsheet.export.standalone.program import Program, Result, result_of
from cribsheet.export.standalone.server import timeout_problem
from cribsheet.export.standalone.streams import discard, open_streams, say
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import to_json, to_text
from cribsheet.signature import with_defaults
from cribsheet.signature.options import option_name

_PREFIX = "input "
_FAILED, _INTERRUPTED = 1, 130


def command(program: Program, arguments: Sequence[str] | None, *, about: str) -> int:
    """Run the command line of a program and return its exit status.

    That is 0 if all went well, 1 if there is no answer (with `--jsonl`, to one row or more), 130 after Ctrl-C. Wrong
    options exit with 2 at once.
    """
    with open_streams():
        try:
            try:
                return _status(program, arguments, about)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:  # a reader that went away is no error
            discard(sys.stdout)
            return 0
        except OSError as error:
            discard(sys.stdout)
            say(f"Error: the output cannot be written: {error.strerror or error}. Send it elsewhere.")
            return _FAILED


def _status(program: Program, arguments: Sequence[str] | None, about: str) -> int:
    options = _parsed(program, arguments, about)
    server = {name: options[name] for name in ("api", "api_base", "api_key", "model", "timeout")}
    try:
        if options["jsonl"]:
            rows = asked_rows(options["jsonl"], program.inputs)
            return _answer_rows(program, connect(program, **server), rows, options["out"])
        inputs = _inputs(program, options)
        _print(result_of(program.run(inputs, connect(program, **server))), as_json=options["json"])
    except CribsheetError as error:
        say(f"Error: {error}")
        return _FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


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
    parser.add_argument("--api-base", metavar="URL", help="its address, such as http://127.0.0.1:9931/v1")
    parser.add_argument("--api-key", metavar="KEY", help="its key; OPENAI_API_KEY or OLLAMA_API_KEY by default")
    parser.add_argument("--model", metavar="NAME", help=f"what the server calls the model compiled as {program.model}")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="how long one request may take")
    known, unknown = parser.parse_known_args(arguments)
    options: dict[str, Any] = dict(known.__dict__)
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}. {_takes(program)}")
    if problem := _problem(program, options):
        parser.error(problem)
    return options


def _problem(program: Program, options: Mapping[str, Any]) -> str:
    """Return what is wrong with options that do not go together; empty if they do."""
    for name, value in options.items():
        if isinstance(value, str) and "\0" in value:
            return f"the value of {name.replace(_PREFIX, '')} has the character NUL: {value!r}. Remove it."
    given = [field.name for field in program.inputs if options[_PREFIX + field.name] is not None]
    missing = [field.name for field in program.inputs if field.name not in given and not field.has_default]
    if options["out"] and not options["jsonl"]:
        return "--out is where the rows of --jsonl go. Give --jsonl too, or leave it out."
    if options["jsonl"] and options["json"]:
        return "--jsonl always writes JSON, and --json is for one row. Leave one of them out."
    if options["jsonl"] and given:
        return f"--jsonl holds the inputs, but {option_name(given[0])} was given too."
    if missing and not options["jsonl"]:
        return f"{option_name(missing[0])} is missing. {_takes(program)}"
    if len([name for name in given if options[_PREFIX + name] == "-"]) > 1:
        return "standard input can be read once; only one input can be -."
    if options["jsonl"] and options["out"] and _is_same(options["jsonl"], options["out"]):
        return f"--out {options['out']} is the file of --jsonl. Name another."
    problem = timeout_problem(options["timeout"])
    return f"--timeout {problem}" if problem else ""


def _takes(program: Program) -> str:
    return f"The module takes {', '.join(option_name(field.name) for field in program.inputs)}, or --jsonl."


def _is_same(source: str, out: str) -> bool:
    try:
        return source != "-" and os.path.realpath(source) == os.path.realpath(out)
    except OSError:  # the current folder was deleted
        return source == out


def _inputs(program: Program, options: Mapping[str, Any]) -> Row:
    """Return the inputs that were given as options."""
    given = {field.name: options[_PREFIX + field.name] for field in program.inputs}
    given = with_defaults(program.inputs, {name: value for name, value in given.items() if value is not None})
    given = {name: read_text("-").removesuffix("\n") if value == "-" else value for name, value in given.items()}
    check_inputs("the command line", given, program.inputs)
    return given


def _answer_rows(program: Program, client: Client, rows: Sequence[AskedRow], out: str | None) -> int:
    """Write each row with its outputs, or with an `error`, as soon as it is answered; return the exit status."""
    outputs = {field.name for field in program.outputs}
    error = error_name([row.values for row in rows], outputs)
    if error != ERROR:
        say(f"Note: the field {ERROR!r} is taken, so {error!r} says why a row has no outputs.")
    failures = []
    with opened(out) as file:
        for row in rows:
            answer = _answer(program, client, row, error)
            failures += [answer[error]] if error in answer else []
            rest = {name: value for name, value in row.values.items() if name not in outputs}
            write_row(file, {**rest, **answer}, out)
    say(answered_line(failures, rows=len(rows), out=out))
    return _FAILED if failures else 0


def _answer(program: Program, client: Client, row: AskedRow, error: str) -> Row:
    if row.problem:
        return {error: row.problem}
    inputs = {field.name: row.values[field.name] for field in program.inputs if field.name in row.values}
    try:
        outputs = program.run(inputs, client).outputs
    except (ContextOverflowError, DataError) as failure:
        return {error: str(failure)}
    if isinstance(outputs, ParseFailure):
        return {error: f"the completion cannot be read: {outputs.reason}"}
    return {name: to_json(value) for name, value in outputs.items()}


def _print(result: Result, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json_text(result.summary(), sys.stdout, indent=2) + "\n")
        return
    for name, value in result.outputs.items():
        line = to_text(value) if len(result.outputs) == 1 else f"{name}: {to_text(value)}"
        sys.stdout.write(line.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding) + "\n")
