"""The command `cribsheet`, which imports a command's code only when that command runs."""

import atexit
import gc
from importlib import import_module

import click

import cribsheet
from cribsheet.cli._command import Group

_COMMANDS = {
    "optimize": "Compile a task into a frozen prompt.",
    "evaluate": "Score a frozen prompt on any rows.",
    "check": "Tell whether a frozen prompt's score still holds.",
    "ask": "Answer with a frozen prompt.",
    "export": "Write a frozen prompt for use without Cribsheet.",
    "serve": "Answer with frozen prompts over HTTP.",
    "play": "Try frozen prompts on a page in the browser.",
    "rows": "Make rows of the calls that a server kept.",
    "show": "Show the content of a frozen file.",
    "seal": "Accept an edited frozen file.",
    "list": "List tasks, optimizers, layouts, frozen files.",
    "new": "Create an empty workspace.",
    "cache": "Show or clear the completion cache.",
    "models": "List or fetch the weights of embedded models.",
    "doctor": "Check what is installed, reachable or missing.",
}


class _LazyGroup(Group):
    """Imports each command from the module of its name when it runs, so that `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _load(cmd_name) if cmd_name in _COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


def _load(name: str) -> click.Command:
    command: click.Command = import_module(f"cribsheet.cli.{name}").command
    return command


@click.group(cls=_LazyGroup)
@click.version_option(cribsheet.__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Compile typed tasks into few-shot prompts that small local models can follow.

    \b
    Example:
      optimize sentiment
      cribsheet ask sentiment.prompt.json --text "A joy from start to finish."

    Each command has its own --help. Results go to standard output, everything else to standard error. Exit codes:
    0 success, 1 failure, 2 wrong usage, 130 stopped by Ctrl-C.
    """


def main() -> None:
    """Run `cribsheet`."""
    _end_quickly()
    cli(prog_name="cribsheet")


def optimize_main() -> None:
    """Run `optimize`, which is `cribsheet optimize`."""
    _end_quickly()
    _load("optimize")(prog_name="optimize")


def _end_quickly() -> None:
    """Skip the garbage collection at exit, which takes seconds if LiteLLM was imported."""
    atexit.register(gc.freeze)
