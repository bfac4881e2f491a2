"""The command `evaluate`."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cribsheet.cli._checking import rows_of_data
from cribsheet.cli._command import (
    Command,
    allow_empty_option,
    api_base_option,
    json_option,
    labels_option,
    map_option,
    model_option,
    sample_option,
    seed_of_sample_option,
    timeout_option,
)
from cribsheet.cli._display import Display, open_display
from cribsheet.cli._programs import Runnable, open_its_model, open_program
from cribsheet.cli._scoring import (
    METRICS,
    has_other_weights,
    metric_of,
    name_of,
    score_rows,
    shipped_metric,
    tell_of_demos,
    tell_of_failures,
)
from cribsheet.cli._stopping import ended_by_ctrl_c
from cribsheet.cli._terminal import note, print_json, stdout
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import Evaluation
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.models.capabilities import is_hash
from cribsheet.report.report import evaluation_summary, evaluation_tables, meter_summary
from cribsheet.signature import Field, Signature
from cribsheet.text import counted
from cribsheet.workspace import Workspace, current_workspace


@click.command("evaluate", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Rows: .jsonl, .json, .csv, .tsv, .parquet."
)
@map_option
@allow_empty_option
@labels_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Score only the first N rows.")
@sample_option
@seed_of_sample_option
@model_option
@api_base_option
@timeout_option
@click.option("--metric", type=click.Choice(list(METRICS)), help="Use this metric instead of the compiled one.")
@json_option
def command(file: Path, *, as_json: bool, metric: str | None, **options: Any) -> None:
    """Score the frozen prompt in FILE on any rows.

    \b
    Example:
      cribsheet evaluate sentiment.prompt.json --data dev.csv --map sentence=text,label=sentiment
      cribsheet evaluate grounded_qa.prompt.json --data squad-dev.json --limit 300 --json
    """
    workspace = current_workspace()
    program = open_program(file, workspace)
    score = shipped_metric(metric, program) if metric else metric_of(program, workspace)
    rows = rows_of_data(program, workspace, options)
    started = time.monotonic()
    with open_display("rows", figure="score so far") as display:
        model = _open_model(program, workspace, options, display)
        try:
            display.stage(f"scoring {counted(len(rows), 'row')}")
            with ended_by_ctrl_c(model.model):
                evaluation = score_rows(program, rows, score, model, display)
        finally:
            model.close()
    seconds = round(time.monotonic() - started, 3)
    figures = {"metric": name_of(score), "model": model.name, **meter_summary(model.meter), "seconds": seconds}
    summary = evaluation_summary(evaluation, _told_field(program.signature, rows), score, program.signature.outputs)
    tell_of_failures(evaluation, program.frozen)
    tell_of_demos(rows, program.frozen)
    _report(evaluation, {**summary, **figures}, as_json=as_json)


def _report(evaluation: Evaluation, summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    for table in evaluation_tables(evaluation, summary):
        stdout().print(table)


def _told_field(signature: Signature, rows: Sequence[Row]) -> Field:
    """Return the output to report outcomes of: of those that the rows have, the first that abstains, else the first."""
    outputs = [field for field in signature.outputs if field.name in rows[0].outputs]
    return next((field for field in outputs if field.abstains), outputs[0])


def _open_model(program: Runnable, workspace: Workspace, options: Mapping[str, Any], display: Display) -> CachedModel:
    served = {name: options[name] for name in ("model", "api_base", "timeout")}
    opened = open_its_model(program.frozen, **served, display=display)
    model = CachedModel(opened, CompletionCache(workspace.cache))
    if has_other_weights(program.frozen, model):
        has = "has" if is_hash(model.digest) else "seems to have"
        note(f"Note: {model.name} {has} other weights than the file was compiled for. Compile again for these weights.")
    return model
