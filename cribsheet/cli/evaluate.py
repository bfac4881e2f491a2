"""The command `evaluate`."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cribsheet.cli._command import Command, api_base_option, json_option, map_option, model_option
from cribsheet.cli._display import Display, open_display
from cribsheet.cli._programs import Runnable, open_its_model, open_program
from cribsheet.cli._stopping import ended_by_ctrl_c
from cribsheet.cli._terminal import note, print_json, stdout
from cribsheet.dataset.examples import Row
from cribsheet.dataset.rows import load_rows
from cribsheet.errors import MetricError
from cribsheet.evaluation import metrics
from cribsheet.evaluation.evaluate import Evaluation, RowResult, evaluate, summarize
from cribsheet.executor import Threads
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.running import Run
from cribsheet.models.cache import CachedModel, CompletionCache
from cribsheet.outcomes import Value
from cribsheet.report.report import evaluation_summary, evaluation_tables, meter_summary
from cribsheet.signature import REASONING, Field, Signature
from cribsheet.task import Metric
from cribsheet.workspace import Workspace, find_workspace

_METRICS: Mapping[str, Metric] = {
    metric.__name__: metric
    for metric in (metrics.exact_match, metrics.label_accuracy, metrics.answer_exact, metrics.answer_f1)
}


@click.command("evaluate", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Rows: .jsonl, .csv, or SQuAD's .json.")
@map_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Score the first N rows alone.")
@model_option
@api_base_option
@click.option("--metric", type=click.Choice(list(_METRICS)), help="In place of the one it was compiled with.")
@json_option
def command(file: Path, *, as_json: bool, metric: str | None, **options: Any) -> None:
    """Score the frozen prompt in FILE on any rows.

    \b
    Example:
      cribsheet evaluate sentiment.prompt.json --data dev.csv --map sentence=text,label=sentiment
      cribsheet evaluate grounded_qa.prompt.json --data squad-dev.json --limit 300 --json
    """
    workspace = find_workspace(Path.cwd())
    program = open_program(file, workspace)
    score = _METRICS[metric] if metric else _metric_of(program.frozen, workspace)
    path = workspace.trainset(options["data"])
    rows = load_rows(path, program.signature, mapping=options["mapping"], optional=[REASONING])[: options["limit"]]
    started = time.monotonic()
    with open_display("rows", figure="score so far") as display:
        model = _open_model(program, workspace, options, display)
        try:
            display.stage(f"scoring {len(rows)} rows")
            with ended_by_ctrl_c(model.model):
                evaluation = _score(program, rows, score, model, display)
        finally:
            model.close()
    seconds = round(time.monotonic() - started, 3)
    figures = {"metric": _name_of(score), "model": model.name, **meter_summary(model.meter), "seconds": seconds}
    summary = evaluation_summary(evaluation, _told_field(program.signature, rows), score)
    _report(evaluation, {**summary, **figures}, as_json=as_json)


def _report(evaluation: Evaluation, summary: dict[str, Any], *, as_json: bool) -> None:
    _tell_of_failures(evaluation)
    if as_json:
        print_json(summary)
        return
    for table in evaluation_tables(evaluation, summary):
        stdout().print(table)


def _told_field(signature: Signature, rows: Sequence[Row]) -> Field:
    """Return the output whose outcomes are told: of those that rows have, the first that abstains, else the first."""
    outputs = [field for field in signature.outputs if field.name in rows[0].outputs]
    return next((field for field in outputs if field.abstains), outputs[0])


def _metric_of(frozen: FrozenProgram, workspace: Workspace) -> Metric:
    """Return the metric that a file was compiled with: its task's, else the shipped one of that name."""
    wanted = frozen.results.metric
    if frozen.task in workspace.tasks():
        _, task = workspace.task(frozen.task)
        if _name_of(task.metric) == wanted:
            return task.metric
    if wanted in _METRICS:
        return _METRICS[wanted]
    raise MetricError(
        f"The file was compiled with the metric {wanted!r}, which is neither shipped nor that of a task "
        f"{frozen.task!r} in {workspace.root}. Run this in its workspace, or choose one with --metric: "
        f"{', '.join(_METRICS)}."
    )


def _open_model(program: Runnable, workspace: Workspace, options: Mapping[str, Any], display: Display) -> CachedModel:
    opened = open_its_model(
        program.frozen, model=options["model"], api_base=options["api_base"], progress=display.download
    )
    model = CachedModel(opened, CompletionCache(workspace.cache))
    _warn_of_other_weights(program.frozen, model)
    return model


def _score(program: Runnable, rows: Sequence[Row], metric: Metric, model: CachedModel, display: Display) -> Evaluation:
    def runner(inputs: Mapping[str, Value]) -> Run:
        return program.run(inputs, model)

    results: list[RowResult] = []
    total = 0.0
    for result in evaluate(runner, rows, metric, executor=Threads(model.parallel)):
        results.append(result)
        total += result.score
        display.advance(spent=len(results), limit=len(rows), best=total / len(results))
    return summarize(results)


def _tell_of_failures(evaluation: Evaluation) -> None:
    crashed = [row.error for row in evaluation.rows if row.error]
    unread = [row.parse_failure for row in evaluation.rows if row.parse_failure]
    if crashed:
        note(f"Note: rows that crashed: {len(crashed)}, the first with {crashed[0]}")
    if unread:
        note(f"Note: completions that could not be read: {len(unread)}, the first: {unread[0]}")


def _name_of(metric: Metric) -> str:
    return getattr(metric, "__name__", type(metric).__name__)


def _warn_of_other_weights(frozen: FrozenProgram, model: CachedModel) -> None:
    """Say so where the model of that name is not the one that the file was compiled for."""
    same_name = model.name == frozen.model.name
    if same_name and frozen.model.digest and model.digest and model.digest != frozen.model.digest:
        has = "has" if model.digest.startswith("sha256:") else "seems to have"
        note(f"Note: {model.name} {has} other weights than the file was compiled for. Compile again for them.")
