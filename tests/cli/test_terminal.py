"""Output that the terminal cannot encode, or that nobody reads, never ends in a traceback."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest
from click.testing import CliRunner
from engines import WrittenEngine
from ollama_server import OllamaServer
from rich.console import Console

from cribsheet.cli._display import Bars
from cribsheet.cli._root import cli
from cribsheet.cli._streams import any_text
from cribsheet.dataset.examples import Demo
from cribsheet.frozen import ModelIdentity
from cribsheet.frozen.sealing import save
from frozen_toys import toy_program, toy_prompt
from toys import sentiment_rows

TEXT = "北京 🙂 “très” …"
ESCAPED = r"\u5317\u4eac \U0001f642 \u201ctr\xe8s\u201d ..."


@pytest.fixture
def foreign(folder: Path, server: OllamaServer) -> str:
    """A frozen file whose prompt has characters that few terminals have."""
    server.engine = WrittenEngine(" positive")
    demo = Demo(inputs={"text": TEXT}, outputs={"sentiment": "positive"})
    model = ModelIdentity(name="ollama_chat/smollm", digest=None, endpoint=server.url)
    program = toy_program(toy_prompt(demos=(demo,))).model_copy(update={"model": model, "task": "北京"})
    save(program, folder / "fremd.prompt.json")
    rows = [{**row, "text": f"{row['text']} {TEXT}"} for row in sentiment_rows()[:3]]
    (folder / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "bad.jsonl").write_text('{"text": "…", "sentiment": "喜"}\n', encoding="utf-8")
    return "fremd.prompt.json"


COMMANDS = (
    ("list",),
    ("list", "--json"),
    ("show", "FILE"),
    ("show", "FILE", "--json"),
    ("export", "FILE", "--to", "ollama"),
    ("export", "FILE", "--to", "openai"),
    ("export", "FILE", "--to", "jinja"),
    ("ask", "FILE", "--text", TEXT),
    ("ask", "FILE", "--text", TEXT, "--json"),
    ("ask", "FILE", "--jsonl", "dev.jsonl"),
    ("ask", "FILE", "--help"),
    ("evaluate", "FILE", "--data", "dev.jsonl", "--metric", "label_accuracy"),
    ("evaluate", "FILE", "--data", "bad.jsonl", "--metric", "label_accuracy"),
    ("evaluate", "FILE", "--data", "喜.jsonl"),
    ("seal", "喜.prompt.json"),
    ("optimize", "喜"),
    ("optimize", "--help"),
    ("cache",),
    ("models",),
    ("new", "dev.jsonl"),
    ("doctor",),
    ("--help",),
)


def filled(command: tuple[str, ...], file: str) -> list[str]:
    return [file if word == "FILE" else word for word in command]


@pytest.mark.slow
@pytest.mark.parametrize("charset", ["ascii", "latin-1"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_the_same_in_the_characters_that_there_are(
    foreign: str, charset: str, command: tuple[str, ...]
) -> None:
    words = filled(command, foreign)
    whole = CliRunner(catch_exceptions=False).invoke(cli, words)
    result = CliRunner(catch_exceptions=False, charset=charset).invoke(cli, words)
    assert result.exit_code == whole.exit_code
    if command[0] == "export":  # the very text is what counts
        assert result.stdout_bytes == whole.stdout_bytes
    elif "--json" in command or "--jsonl" in command:
        assert json.loads(as_list(result.stdout)) == json.loads(as_list(whole.stdout))
        result.stdout_bytes.decode("ascii")
    else:
        result.stdout_bytes.decode(charset)


def as_list(lines: str) -> str:
    """Return JSON, one object a line or one in all, as one value without figures that change."""
    if lines.startswith("{\n"):
        return lines
    return f"[{','.join(lines.splitlines())}]"


def test_what_is_shown_is_escaped_and_our_own_signs_are_spelt(foreign: str) -> None:
    shown = CliRunner(charset="ascii").invoke(cli, ["show", foreign]).stdout
    assert f"Text: {ESCAPED}\n" in shown
    assert "Text: <<text>>\n" in shown


def test_an_export_that_the_terminal_cannot_hold_says_that_it_is_utf_8(foreign: str) -> None:
    result = CliRunner(charset="ascii").invoke(cli, ["export", foreign, "--to", "jinja"])
    assert TEXT in result.stdout_bytes.decode()
    assert "so it was written in UTF-8" in result.stderr


def test_rows_with_half_of_a_surrogate_pair_are_answered(foreign: str, folder: Path) -> None:
    row = '{"text": "fine", "note": "\\ud800"}\n'
    (folder / "in.jsonl").write_text(row)
    for options in ([], ["--out", "out.jsonl"]):
        result = CliRunner(catch_exceptions=False).invoke(cli, ["ask", foreign, "--jsonl", "in.jsonl", *options])
        assert result.exit_code == 0
        written = Path("out.jsonl").read_text(encoding="utf-8") if options else result.stdout
        assert json.loads(written) == {**json.loads(row), "sentiment": "positive"}


# Progress


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_bars_are_drawn_in_what_the_terminal_has(encoding: str) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with Bars(console, "tokens", figure="best") as display:
        display.stage(f"asking {TEXT}" + " again" * 30)
        display.advance(spent=12_340, limit=40_000, best=0.8125)
        display.download(10_000_000, 90_000_000)
    screen.flush()
    shown = screen.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert "asking \\u5317\\u4eac" in shown
    assert "12.3k of 40k tokens" in shown


# Streams


def test_streams_are_as_they_were_after_a_command() -> None:
    for stream in (sys.stdout, sys.stderr):
        before = (stream.encoding, stream.errors)
        with any_text():
            pass
        assert (stream.encoding, stream.errors) == before


def test_warnings_and_notes_are_escaped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    monkeypatch.setattr(sys, "stderr", stream)
    with any_text():
        print(TEXT, file=sys.stderr)
    assert stream.buffer.getvalue().decode() == f"{ESCAPED}\n"  # type: ignore[attr-defined]


ENVIRONMENTS = ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_a_process_in_such_an_environment_ends_well(
    start: Callable[..., "subprocess.Popen[str]"], foreign: str, environment: dict[str, str]
) -> None:
    process = start("cribsheet", "show", foreign, env=environment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert f"Text: {ESCAPED}\n" in out


@pytest.fixture
def nobody() -> Iterator[TextIO]:
    """A stream that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with suppress(BrokenPipeError), os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream


def ended(*words: str) -> object:
    """Run a command in this process, with the streams that it has; return the exit code."""
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    return end.value.code


def test_a_reader_that_goes_away_ends_a_process_quietly(foreign: str, nobody: TextIO) -> None:
    command = [str(Path(sys.executable).with_name("cribsheet")), "export", foreign, "--to", "jinja"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=nobody, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("command", [("show", "FILE"), ("show", "FILE", "--json"), ("list",), ("optimize", "--help")])
def test_a_reader_that_goes_away_ends_any_command(
    foreign: str, nobody: TextIO, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdout", nobody)
    assert ended(*filled(command, foreign)) == 1


def test_work_goes_on_if_nobody_reads_the_progress(
    foreign: str, nobody: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", nobody)
    assert ended("ask", foreign, "--jsonl", "dev.jsonl", "--out", "out.jsonl") == 0
    assert len(Path("out.jsonl").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_work_goes_on_if_progress_has_no_room(foreign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert ended("ask", foreign, "--jsonl", "dev.jsonl", "--out", "out.jsonl") == 0
    assert len(Path("out.jsonl").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_file_of_answers_that_has_no_room_is_one_sentence(foreign: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("ask", foreign, "--jsonl", "dev.jsonl", "--out", "/dev/full") == 1
    assert capsys.readouterr().err == (
        "Error: /dev/full cannot be written: No space left on device. It has the rows that were answered so far; "
        "choose another place with --out.\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("command", [("show", "FILE"), ("export", "FILE", "--to", "jinja")])
def test_a_full_disk_is_one_sentence(
    foreign: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert ended(*filled(command, foreign)) == 1
    assert capsys.readouterr().err == (
        "Error: the output cannot be written: No space left on device. Send it elsewhere.\n"
    )


def test_closed_streams_take_everything(foreign: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    for words in (["export", foreign, "--to", "jinja"], ["ask", foreign, "--jsonl", "dev.jsonl"], ["list"]):
        assert ended(*words) == 0
    assert (sys.stdout, sys.stderr) == (None, None)


@pytest.mark.parametrize("option", ["--text", "--jsonl"])
def test_closed_standard_input_is_said(
    foreign: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert ended("ask", foreign, option, "-") in (1, 2)
    assert "tandard input is closed. Pipe the text into it" in capsys.readouterr().err
