"""The command `check`."""

from pathlib import Path
from typing import Any

import click

from cribsheet.carriage import CARRIAGES, Carriage
from cribsheet.cli._checking import rows_to_check
from cribsheet.cli._command import (
    Command,
    allow_empty_option,
    api_base_option,
    check_about_rows,
    check_spares,
    json_option,
    labels_option,
    map_option,
    model_option,
    sample_option,
    seed_of_sample_option,
    timeout_option,
)
from cribsheet.cli._display import open_display
from cribsheet.cli._programs import Runnable, open_its_model, open_program
from cribsheet.cli._scoring import has_other_weights, metric_of, score_rows, tell_of_failures
from cribsheet.cli._stopping import ended_by_ctrl_c
from cribsheet.cli._terminal import note, print_json, stdout
from cribsheet.errors import FrozenFileError
from cribsheet.evaluation.drift import Drift
from cribsheet.frozen.tested import path_beside
from cribsheet.report.drift import drift_summary, drift_table, junit, markdown, verdict
from cribsheet.text import counted
from cribsheet.workspace import Workspace, current_workspace


@click.command("check", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@model_option
@api_base_option
@timeout_option
@click.option("--data", type=click.Path(path_type=Path), help="Score these rows, not the test rows beside FILE.")
@map_option
@allow_empty_option
@labels_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Score only the first N rows.")
@sample_option
@seed_of_sample_option
@click.option("--for", "carriage", type=click.Choice(CARRIAGES), help="The deployment.  [default: as compiled]")
@click.option("--junit", "junit_path", type=click.Path(path_type=Path), help="Write the result as JUnit XML.")
@click.option("--summary", type=click.Path(path_type=Path), help="Append the result to a Markdown file.")
@json_option
def command(file: Path, *, as_json: bool, junit_path: Path | None, summary: Path | None, **options: Any) -> None:
    """Score the frozen prompt in FILE again: does its score still hold?

    Always asks the model, never the cache. Exits with 1 if the score is significantly worse, so it works in CI.

    \b
    Example:
      cribsheet check sentiment.prompt.json
      cribsheet check sentiment.prompt.json --model ollama_chat/qwen2.5:0.5b --summary "$GITHUB_STEP_SUMMARY"
    """
    check_about_rows(options, "data")
    check_spares({"--junit": junit_path, "--summary": summary}, (file, path_beside(file), options["data"]))
    workspace = current_workspace()
    program = open_program(file, workspace)
    carriage = options["carriage"] or program.frozen.results.carriage
    found = _measured(file, _deployed(program, carriage), carriage, workspace, options)
    # The result comes first, because a report may have no place that can be written to.
    if as_json:
        print_json(drift_summary(found))
    else:
        stdout().print(drift_table(found))
        click.echo(verdict(found))
    # XML and UTF-8 lack some characters that a name may have.
    name = "".join(char if char.isprintable() else "\ufffd" for char in file.name)
    for path, text, mode in ((junit_path, junit(found, name), "w"), (summary, markdown(found, name), "a")):
        if path:
            _write(path, text, mode)
    if not found.holds:
        raise click.exceptions.Exit(1)


def _deployed(program: Runnable, carriage: Carriage) -> Runnable:
    deployed = program.carried_by(carriage)
    if deployed is None:
        known = ", ".join(program.frozen.results.carriages)
        raise click.BadParameter(
            f"The prompts cannot be deployed as {carriage}. Use one of these: {known}.", param_hint="--for"
        )
    return deployed


def _measured(
    file: Path, program: Runnable, carriage: Carriage, workspace: Workspace, options: dict[str, Any]
) -> Drift:
    metric = metric_of(program, workspace)
    rows, compare = rows_to_check(file, program, carriage, workspace, options)
    with open_display("rows", figure="score so far") as display:
        served = {name: options[name] for name in ("model", "api_base", "timeout")}
        model = open_its_model(program.frozen, **served, display=display)
        try:
            if has_other_weights(program.frozen, model):
                note(f"Note: {model.name} does not have the weights that the file was compiled for.")
            display.stage(f"scoring {counted(len(rows), 'row')}")
            with ended_by_ctrl_c(model):
                now = score_rows(program, rows, metric, model, display)
        finally:
            model.close()
    tell_of_failures(now, program.frozen)
    return compare(now)


def _write(path: Path, text: str, mode: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise FrozenFileError(f"{path} cannot be written: {error.strerror}. Choose another place.") from None
