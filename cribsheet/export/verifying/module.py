"""Run a written Python module as a command."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from cribsheet.errors import ModelError
from cribsheet.export.verifying._base import Deployment, Inputs, wiring_of
from cribsheet.frozen.running import Run
from cribsheet.frozen.wired import outputs_of
from cribsheet.outcomes import to_json
from cribsheet.signature import Field


def run_module(deployment: Deployment, rows: Sequence[Inputs]) -> Iterator[Run | str]:
    """Yield the run of each row, which holds the outputs alone, as soon as the module has written it.

    Raises:
        ModelError: the module ended without an answer to every row; the message is the module's own.
    """
    fields = outputs_of(deployment.source.program.prompts, wiring_of(deployment.source))
    with deployment.address() as address, tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "rows.jsonl")
        lines = (json.dumps({name: to_json(value) for name, value in row.items()}) + "\n" for row in rows)
        given.write_text("".join(lines), encoding="utf-8")
        command = [str(deployment.path), "--jsonl", str(given)]
        command += ["--timeout", str(deployment.timeout)]
        command += ["--api-base", address] if address else []
        command += ["--model", deployment.served_name] if deployment.served_name else []
        for line in _lines(command, len(rows), Path(folder, "errors.txt")):
            yield _run(json.loads(line), fields)


def _lines(command: Sequence[str], rows: int, errors: Path) -> Iterator[str]:
    """Yield the lines that a module prints, one for each row; ModelError if it fails before the last one."""
    printed = 0
    # Isolated, because the module must work where nothing is installed.
    python = [sys.executable, "-I", "-X", "utf8", *command]
    with (
        errors.open("wb") as told,
        subprocess.Popen(
            python, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told, encoding="utf-8"
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                printed += 1
                yield line
        except BaseException:  # nobody reads the rest
            process.kill()
            raise
    if process.returncode and printed < rows:  # it is 1 as well if a row has an error in place of outputs
        *_, last = ["", *errors.read_text(encoding="utf-8", errors="replace").splitlines()]
        reason = last.removeprefix("Error: ") or f"exit status {process.returncode}"
        raise ModelError(f"{command[0]} did not answer all rows: {reason}")


def _run(answer: dict[str, object], fields: Sequence[Field]) -> Run | str:
    if any(field.name not in answer for field in fields):
        return str(answer.get("error", f"the module gave no {', '.join(field.name for field in fields)}"))
    try:
        return Run({field.name: field.coerce(answer[field.name]) for field in fields}, ())
    except ValueError as error:
        return f"the module gave another value: {error}"
