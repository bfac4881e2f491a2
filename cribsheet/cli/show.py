"""The command `show`."""

from pathlib import Path

import click

from cribsheet.cli._command import Command, json_option
from cribsheet.cli._programs import chosen_prompts
from cribsheet.cli._terminal import print_json, stdout
from cribsheet.frozen import FrozenPrompt
from cribsheet.frozen.sealing import read
from cribsheet.report.description import program_facts, program_summary, prompt_facts, prompt_with_placeholders
from cribsheet.report.report import headline, results_table, verdicts
from cribsheet.text import shortened


@click.command("show", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--prompt", metavar="NAME", help="Show only this prompt, if the file has several.")
@json_option
def command(file: Path, *, prompt: str | None, as_json: bool) -> None:
    """Show the origin of FILE, its scores, and the exact text of its prompts.

    \b
    Example:
      cribsheet show sentiment.prompt.json
    """
    program = read(file)
    chosen = chosen_prompts(program, prompt)
    if as_json:
        summary = program_summary(program)
        print_json({"file": str(file), **summary, "prompts": {name: summary["prompts"][name] for name in chosen}})
        return
    console = stdout()
    console.print(headline(program), style="bold")
    console.print(results_table(program.results))
    console.print(verdicts(program.results))
    console.print(program_facts(program))
    for name, one in chosen.items():
        _show_prompt(name, one)


def _show_prompt(name: str, prompt: FrozenPrompt) -> None:
    console = stdout()
    console.print()
    console.print(f"Prompt {shortened(name)}", style="bold")
    console.print(prompt_facts(prompt))
    rendered = prompt_with_placeholders(prompt)
    kind = "Messages" if rendered.is_chat else "State and question" if rendered.question else "Text"
    stops = " or ".join(repr(stop) for stop in rendered.stop)
    console.print(f"{kind}, to be completed until {stops}:" if stops else f"{kind}:", style="dim")
    click.echo(rendered.full_text)  # not through the console of the tables, which would wrap lines
