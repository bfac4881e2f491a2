"""Run an export after it is written, for the option `--verify`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cribsheet.carriage import Carriage
from cribsheet.cli._checking import rows_to_check
from cribsheet.cli._command import SecondsType, check_about_rows
from cribsheet.cli._display import open_display
from cribsheet.cli._programs import open_its_model, open_program
from cribsheet.cli._scoring import collected, metric_of
from cribsheet.cli._terminal import note, stdout
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.drift import Drift
from cribsheet.evaluation.evaluate import Evaluation, RowResult, score_run
from cribsheet.export import Source
from cribsheet.export.verifying import TIMEOUT, Deployment, verifier_of
from cribsheet.frozen.running import Run
from cribsheet.report.drift import drift_table, verdict
from cribsheet.task import Metric
from cribsheet.text import counted
from cribsheet.workspace import current_workspace

_ADVICE = "Compare the server's weights and chat template with the compiled model's, and read the notes of the export."
_OPTIONS = (
    click.option(
        "--verify",
        is_flag=True,
        help="Then run the written export, and compare its score. For ollama, run `ollama create` first.",
    ),
    click.option(
        "--data", type=click.Path(path_type=Path), help="For --verify: these rows, not the test rows beside FILE."
    ),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="For --verify: only the first N rows."),
    click.option(
        "--model", metavar="NAME", help="For --verify: a model to use instead of the compiled or created one."
    ),
    click.option("--api-base", metavar="URL", help="For --verify: the address of the model's server."),
    click.option(
        "--timeout",
        type=SecondsType(),
        metavar="SECONDS",
        help="For --verify: how long a server may take to answer one request.  [default: 120]",
    ),
)
_NEEDS_VERIFY = {name: f"--{name.replace('_', '-')}" for name in ("data", "limit", "model", "api_base", "timeout")}


def verify_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Verification:
    """A request to run an export after it is written."""

    file: Path
    """The frozen file."""
    out: Path
    """The path of the export."""
    options: Mapping[str, Any]
    """The options of `--verify`, by name."""

    def check(self, target: str, source: Source) -> None:
        """Raise ExportError if an export to the target cannot be run."""
        verifier_of(target, source)

    def run(self, target: str, source: Source, carriage: Carriage) -> Drift:
        """Run the export on the rows, print its score beside the recorded one, and return the comparison."""
        workspace = current_workspace()
        program = open_program(self.file, workspace)
        rows, compare = rows_to_check(self.file, program, carriage, workspace, self.options)
        now = self._scored(target, source, rows, metric_of(program, workspace))
        _tell_of_failures(now)
        found = compare(now)
        stdout().print(drift_table(found))
        click.echo(verdict(found, advice=_ADVICE))
        return found

    def _scored(self, target: str, source: Source, rows: Sequence[Row], metric: Metric) -> Evaluation:
        model, api_base, timeout = self.options["model"], self.options["api_base"], self.options["timeout"] or TIMEOUT
        with open_display("rows", figure="score so far") as display:
            deployment = Deployment(
                source=source,
                path=self.out,
                open_model=lambda: open_its_model(
                    source.program, model=model, api_base=api_base, timeout=timeout, display=display
                ),
                model=model,
                api_base=api_base,
                timeout=timeout,
            )
            display.stage(f"running {self.out} on {counted(len(rows), 'row')}")
            answers = verifier_of(target, source)(deployment, [row.inputs for row in rows])
            return collected(_results(rows, answers, metric), len(rows), display)


def wanted_verification(file: Path, out: Path | None, options: dict[str, Any]) -> Verification | None:
    """Take the options of `--verify` out of a command's options; None if it was not given."""
    verify, own = options.pop("verify"), {name: options.pop(name) for name in _NEEDS_VERIFY}
    given = [_NEEDS_VERIFY[name] for name, value in own.items() if value is not None]
    if not verify and given:
        raise click.UsageError(f"{given[0]} is for --verify. Give that too, or leave {given[0]} out.")
    if not verify:
        return None
    if out is None:
        raise click.UsageError("--verify runs the written file. Say where to write it: --out PATH.")
    own.update({name: options.pop(name) for name in ("mapping", "labels", "allow_empty")})
    check_about_rows(own, "data")
    return Verification(file, out, own)


def _results(rows: Sequence[Row], answers: Iterator[Run | str], metric: Metric) -> Iterator[RowResult]:
    for row, answer in zip(rows, answers, strict=True):
        yield RowResult(row, 0.0, None, answer) if isinstance(answer, str) else score_run(row, answer, metric)


def _tell_of_failures(now: Evaluation) -> None:
    failed = [reason for row in now.rows if (reason := row.error or row.parse_failure)]
    if failed:
        note(f"Note: rows without an answer, which count as 0: {len(failed)}, the first: {failed[0]}")
