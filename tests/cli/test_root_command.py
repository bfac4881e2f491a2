"""`cribsheet` itself: help, exit codes, entry points, ends of pipes."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from cribsheet import __version__
from cribsheet.cli._root import _COMMANDS
from cribsheet.frozen.sealing import read, save

Run = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.mark.parametrize("name", _COMMANDS)
def test_each_command_has_help_with_an_example(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert re.search(rf"Example:\n  .*\b{name}\b", result.stdout)


def test_the_help_of_cribsheet_says_of_each_command_what_its_own_help_says(run: Run) -> None:
    overview = run("--help").stdout
    for name in _COMMANDS:
        assert re.search(rf"^  {name} +\w.*\.$", overview, re.MULTILINE)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom cribsheet.cli import main\nsys.argv = ['cribsheet', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('dspy', 'litellm', 'pydantic', 'rich', 'httpx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")


def test_both_entry_points_and_the_module_run(start: Start) -> None:
    for name, *args in (("cribsheet", "--version"), ("python", "-m", "cribsheet", "--version")):
        out, _ = start(name, *args).communicate(timeout=30)
        assert out == f"cribsheet {__version__}\n"
    out, _ = start("optimize", "--help").communicate(timeout=30)
    assert out.startswith("Usage: optimize [OPTIONS] TASK")


def test_an_unknown_command_or_option_is_misuse(run: Run) -> None:
    assert run("compress").exit_code == 2
    result = run("list", "--colour")
    assert result.exit_code == 2
    assert "No such option '--colour'" in result.stderr


def test_an_error_is_one_message_on_standard_error_without_a_traceback(start: Start) -> None:
    process = start("cribsheet", "show", "none.prompt.json")
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert err == ("Error: There is no file none.prompt.json. Create it with `optimize TASK --out none.prompt.json`.\n")


@pytest.mark.parametrize(
    "command",
    ["ask FILE --text x", "check FILE", "evaluate FILE --data x.jsonl", "optimize toy", "list", "cache", "doctor"],
)
def test_a_current_folder_that_was_deleted_is_said(
    run: Run, served: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    result = run(*(folder / served if word == "FILE" else word for word in command.split()))
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: The current folder was deleted. Change to another one, as with `cd ~`.\n")


@pytest.mark.parametrize("command", ["ask", "check", "export", "optimize", "show", "seal", "new"])
def test_nul_in_an_argument_is_misuse(run: Run, command: str) -> None:
    result = run(command, "a\0b")
    assert result.exit_code == 2
    assert "The argument 'a\\x00b' has the character NUL. Remove it." in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["list", "show embedded.prompt.json", "show embedded.prompt.json --json"])
def test_a_reader_that_goes_away_is_no_error(start: Start, embedded: Path, command: str) -> None:
    process = start("cribsheet", *command.split())
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.wait(timeout=30)


@pytest.mark.slow
def test_ctrl_c_ends_a_check_that_waits_for_a_server(start: Start, served: Path, server: object, folder: Path) -> None:
    server.delay = 8.0  # type: ignore[attr-defined]
    program = read(served)
    results = program.results.model_copy(update={"carriages": {"runtime": program.results.compiled}})
    save(program.model_copy(update={"results": results}), served)
    rows = folder / "in.jsonl"
    rows.write_text("".join(json.dumps({"text": f"Row {at}.", "sentiment": "positive"}) + "\n" for at in range(20)))
    process = start("cribsheet", "check", served, "--data", rows)
    while not server.requests:  # type: ignore[attr-defined]
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=4)
    assert (process.returncode, "Stopped by Ctrl-C." in err, "Traceback" in err) == (130, True, False)


@pytest.mark.slow
def test_ctrl_c_exits_with_130_and_one_line(start: Start, served: Path, server: object, folder: Path) -> None:
    server.delay = 0.1  # type: ignore[attr-defined]
    rows = folder / "in.jsonl"
    rows.write_text("".join(json.dumps({"text": f"Row {number}."}) + "\n" for number in range(400)))
    process = start("cribsheet", "ask", served, "--jsonl", rows, "--out", "out.jsonl")
    assert process.stderr is not None
    while not (folder / "out.jsonl").exists() or len((folder / "out.jsonl").read_text().splitlines()) < 3:
        assert process.poll() is None, process.stderr.read()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "Stopped by Ctrl-C.\n"
    kept = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert kept[0] == {"text": "Row 0.", "sentiment": "positive"}
