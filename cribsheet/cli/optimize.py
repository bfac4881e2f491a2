"""The command `optimize`."""

import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cribsheet.budget import Budget
from cribsheet.carriage import CARRIAGES
from cribsheet.cli._command import (
    Command,
    allow_empty_option,
    api_base_option,
    context_window_option,
    json_option,
    labels_option,
    map_option,
    sample_option,
    timeout_option,
)
from cribsheet.cli._display import open_display
from cribsheet.cli._inputs import ask_line
from cribsheet.cli._terminal import note, print_json, stdout
from cribsheet.errors import BudgetError, FrozenFileError, WorkspaceError
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.sealing import ENDING, check_not_read_only, read, to_text
from cribsheet.frozen.tested import path_beside
from cribsheet.models import open_model
from cribsheet.report.report import compiled_facts, compiled_summary, headline, results_table, verdicts
from cribsheet.settings import Settings
from cribsheet.workspace import Workspace, current_workspace

if TYPE_CHECKING:
    from cribsheet.compiler.compile import Compiled


class _BudgetType(click.ParamType):  # type: ignore[type-arg]  # generic in some releases of click
    name = "budget"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            Budget.parse(value)
        except BudgetError as error:
            self.fail(str(error), param, ctx)
        return value


@click.command("optimize", cls=Command)
@click.argument("task")
@click.option("--model", metavar="NAME", default="embedded/smollm2-135m", show_default=True, help="A LiteLLM name.")
@api_base_option
@timeout_option
@context_window_option
@click.option("--trainset", type=click.Path(path_type=Path), help="Rows to use instead of the task's own.")
@map_option
@labels_option
@click.option("--limit", type=click.IntRange(min=12), metavar="N", help="Read only the first N rows.")
@sample_option
@allow_empty_option
@click.option("--optimizer", metavar="NAME", default="race", show_default=True, help="`cribsheet list` shows them.")
@click.option(
    "--budget",
    type=_BudgetType(),
    default="40k",
    show_default=True,
    help="The most to spend: tokens (40k), calls (500calls) or minutes (3m).",
)
@click.option(
    "--for",
    "carriage",
    type=click.Choice(CARRIAGES),
    default="runtime",
    show_default=True,
    help="What the deployment can carry: search and score with only that.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="The seed of the sample, the splits and the search."
)
@click.option(
    "--teacher", metavar="NAME", help="A model whose right answers become demos.  [default: the model itself]"
)
@click.option("--teacher-api-base", metavar="URL", help="The address of the teacher's server.")
@click.option(
    "--traces",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file of the teacher's right answers: read if it exists, else written.",
)
@click.option("--samples", type=click.IntRange(min=1), help="The most tries of the teacher per row.  [default: 3]")
@click.option(
    "--threshold",
    type=click.FloatRange(min=0, max=1, min_open=True),
    help="The lowest score at which a teacher's answer becomes a demo.  [default: 1]",
)
@click.option(
    "--reasoning", is_flag=True, help="Let the teacher reason, and try prompts that reason before they answer."
)
@click.option("--go-on", is_flag=True, help="Continue even if the first answers are empty or only thoughts.")
@click.option(
    "--long-rows",
    type=click.IntRange(min=0),
    metavar="N",
    help="The most rows that may be left out as too long for the model.  [default: 1 in 20]",
)
@click.option("--out", type=click.Path(path_type=Path), help="The file to write.  [default: TASK.prompt.json]")
@json_option
def command(task: str, *, out: Path | None, as_json: bool, **settings: Any) -> None:
    """Compile TASK into a frozen prompt.

    TASK is a name in the workspace's programs/, the path of a module, or package.module. Ctrl-C stops the
    search and freezes the best program so far.

    \b
    Example:
      optimize sentiment
      optimize sentiment --trainset train.csv --map sentence=text,label=sentiment
      optimize grounded_qa --model ollama_chat/qwen2.5:0.5b --budget 500calls
      optimize sentiment --for text
      optimize grounded_qa --teacher ollama_chat/qwen2.5:7b --traces qa.traces.jsonl
    """
    workspace = current_workspace()
    _check_names(workspace, task, settings["optimizer"])
    _check_teacher(settings)
    out = out or Path(f"{_plain_name(task)}.prompt.json")
    _check_out(out)
    compiled = _compile(task, settings, workspace)
    is_new = not _holds(out, compiled.program)
    if is_new or not path_beside(out).exists():
        compiled.save(out)
    if as_json:
        print_json(compiled_summary(compiled, out))
    else:
        _report(compiled, out, is_new=is_new)


def _check_names(workspace: Workspace, task: str, optimizer: str) -> None:
    """Report an unknown task or optimizer as wrong usage, before the slow imports."""
    try:
        if task not in workspace.tasks() and not (task.endswith(".py") and Path(task).is_file()):
            workspace.task(task)
    except WorkspaceError as error:
        raise click.BadParameter(str(error), param_hint="TASK") from None
    if optimizer not in workspace.optimizers():
        known = ", ".join(workspace.optimizers())
        raise click.BadParameter(
            f"There is no optimizer {optimizer!r}. Known optimizers: {known}.", param_hint="--optimizer"
        )


def _check_teacher(settings: dict[str, Any]) -> None:
    """Refuse an option that would have no effect, and a place where traces cannot be written."""
    if settings["teacher_api_base"] and not settings["teacher"]:
        raise click.BadParameter(
            "There is no teacher to use it for. Name one with --teacher.", param_hint="--teacher-api-base"
        )
    traces = settings["traces"]
    if traces and not traces.exists():
        _check_folder(traces, "--traces")


def _plain_name(task: str) -> str:
    return Path(task).stem if task.endswith(".py") else task.rsplit(".", 1)[-1]


def _check_out(out: Path) -> None:
    """Check before the compile that the file can be written after it."""
    if out.is_dir():
        raise click.BadParameter(f"{out} is a folder. Give the path of a file.", param_hint="--out")
    if out.exists() and not out.is_file():
        raise click.BadParameter(f"{out} is no regular file, and would be replaced. Name another.", param_hint="--out")
    if not _may_replace(out):
        raise click.BadParameter(
            f"{out} already exists and is not a frozen file; refusing to overwrite it. Name another file.",
            param_hint="--out",
        )
    check_not_read_only(out)
    _check_folder(out, "--out")


def _check_folder(path: Path, option: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise FrozenFileError(f"{path} cannot be written: {error}. Choose another place with {option}.") from None


def _may_replace(out: Path) -> bool:
    """Tell whether writing to this path would overwrite nothing but an older (or damaged) frozen file."""
    if not out.exists() or out.name.endswith(ENDING) or not out.stat().st_size:
        return True
    try:
        read(out)
    except FrozenFileError:
        return False
    return True


def _compile(task: str, settings: dict[str, Any], workspace: Workspace) -> "Compiled":
    # Imported only here, because it imports dspy: errors in names or files are reported before this delay.
    from cribsheet.compiler.compile import compile_task

    with open_display(Budget.parse(settings["budget"]).unit) as display:
        display.stage("reading the rows")
        opened = open_model(
            settings["model"],
            api_base=settings["api_base"],
            context_window=settings["context_window"],
            timeout=settings["timeout"],
            progress=display.download,
            notice=display.notice,
        )
        with closing(opened) as model:
            return compile_task(task, Settings(**settings), workspace=workspace, model=model, progress=display)


def _holds(out: Path, program: FrozenProgram) -> bool:
    """Tell whether the file already has exactly the bytes of this program."""
    return out.is_file() and out.read_bytes() == to_text(program).encode()


def _report(compiled: "Compiled", out: Path, *, is_new: bool) -> None:
    program, console = compiled.program, stdout()
    console.print(headline(program), style="bold")
    console.print(results_table(program.results))
    console.print(verdicts(program.results))
    console.print(compiled_facts(compiled))
    for text in program.notes:
        note(f"Note: {text}")
    click.echo(f"{out}{'' if is_new else ' (unchanged)'}")
    click.echo(f"Next: {ask_line(program, out)}")
