"""An exported Python module as a command: rows in and out, and what goes wrong is said in a sentence."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from script_server import ScriptServer, told

from cribsheet.export import export
from cribsheet.frozen import Decoding, FrozenProgram
from cribsheet.layout.catalogue import layout_named
from cribsheet.models import Completion, Sampling
from cribsheet.prompts import Prompt
from cribsheet.signature import Field, Signature
from export_cases import MIXED, SIGNATURES, program_of, prompt_of
from exported_modules import python_of, run_module, write_module
from frozen_toys import toy_prompt
from toys import SENTIMENT

DECIDED = Decoding(decide_by="logprobs", max_tokens=6, top_logprobs=8)
ROWS = [{"text": "Superb.", "id": 1}, {"text": "很好 😀", "sentiment": "?"}]


def positive(prompt: Prompt, sampling: Sampling) -> Completion:
    return told(" positive", {" positive": -0.2, " negative": -2.0}, sampling)


def sentiment() -> FrozenProgram:
    return program_of(prompt_of(layout_named("plain"), SENTIMENT, (), decoding=DECIDED), "openai/toy")


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_module(sentiment(), tmp_path_factory.mktemp("module"))


@pytest.fixture
def server() -> Iterator[ScriptServer]:
    with ScriptServer(positive, "openai") as server:
        yield server


def test_help_says_what_it_gives_and_scores(module: Path) -> None:
    done = run_module(module, "--help")
    assert done.returncode == 0
    assert "Give sentiment for text, as toy compiled for openai/toy does." in done.stdout
    assert "The score of this export (runtime) was not measured." in done.stdout
    assert "--text TEXT" in done.stdout
    assert "--api-base URL" in done.stdout


@pytest.mark.parametrize("minor", [9, 10, 11, 12, 13, 14])
def test_every_python_answers_one_row(module: Path, server: ScriptServer, minor: int) -> None:
    python = python_of(minor)
    if python is None:
        pytest.skip(f"there is no Python 3.{minor} on this machine")
    done = run_module(module, "--text", "Superb.", "--api-base", server.url, python=python)
    assert (done.returncode, done.stdout, done.stderr) == (0, "positive\n", "")


def test_json_tells_the_probability_and_how_it_was_decided(module: Path, server: ScriptServer) -> None:
    done = run_module(module, "--text", "-", "--json", given="Superb.\n", OPENAI_BASE_URL=f"{server.url}/v1")
    told = json.loads(done.stdout)
    assert (told["sentiment"], told["decided_by"], told["changes"]) == ("positive", "logprobs", [])
    assert 0.8 < told["probability"] < 0.9
    assert server.asked[-1].text.endswith("Text: Superb.\nSentiment:")


def test_standard_input_loses_its_last_line_break_alone_as_in_cribsheet_ask(module: Path, server: ScriptServer) -> None:
    run_module(module, "--text", "-", "--api-base", server.url, given="Superb.\n\n")
    assert server.asked[-1].text.endswith("Text: Superb.\n\nSentiment:")


def test_rows_come_back_with_their_outputs(module: Path, server: ScriptServer, tmp_path: Path) -> None:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    done = run_module(module, "--jsonl", "-", "--api-base", server.url, given=lines)
    answered = [{"text": "Superb.", "id": 1, "sentiment": "positive"}, {"text": "很好 😀", "sentiment": "positive"}]
    assert [json.loads(line) for line in done.stdout.splitlines()] == answered
    assert done.stderr == "Answered 2 of 2 rows.\n"
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    files = ("--jsonl", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "out.jsonl"))
    assert run_module(module, *files, "--api-base", server.url).returncode == 0
    out = (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in out.splitlines()] == answered


def test_a_row_that_cannot_be_read_gets_an_error_and_the_others_their_answers(tmp_path: Path) -> None:
    def mixed(prompt: Prompt, sampling: Sampling) -> Completion:
        return told(" yes\nTotal: 7" if "fine" in prompt.text else " maybe", {}, sampling)

    path = write_module(program_of(toy_prompt(MIXED)), tmp_path)
    rows = [{**SIGNATURES["mixed"][2], "text": text} for text in ("fine", "odd")]
    with ScriptServer(mixed, "llama") as server:
        done = run_module(path, "--jsonl", "-", "--api-base", server.url, given="\n".join(map(json.dumps, rows)))
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["fits"], first["total"]) == (True, 7)
    assert second["error"].startswith("the completion cannot be read: ")
    line = f"Answered 1 of 2 rows. 1 row has an error instead: {second['error']}.\n"
    assert (done.returncode, done.stderr) == (1, line)


def test_rows_that_cannot_be_asked_get_an_error_and_the_others_their_answers(
    module: Path, server: ScriptServer
) -> None:
    problems = {
        '{"title": "x"}': "line 1: no field 'text'; it has title",
        '{"text": 3}': "line 2: text must be text but got 3",
        '{"text": "a\\u0000b"}': "line 3: text has the character NUL at position 1",
        '{"text": "ok", "scores": [NaN]}': "line 4: scores has a number that JSON cannot hold, [nan]",
        '{"text": "\\ud83d"}': "line 5: text has half of a surrogate pair",
        '{"text": "ok"}': "",
    }
    done = run_module(module, "--jsonl", "-", "--api-base", server.url, given="\n".join(problems))
    *bad, good = map(json.loads, done.stdout.splitlines())
    assert good == {"text": "ok", "sentiment": "positive"}
    assert all(problem in row["error"] for row, problem in zip(bad, problems.values(), strict=False))
    first = "standard input, line 1: no field 'text'; it has title. Give each row text."
    line = f"Answered 1 of 6 rows. 5 rows have an error instead. The first: {first}\n"
    assert (done.returncode, done.stderr, server.completions) == (1, line, 1)


BAD_ROWS = {
    "not JSON": ("{", "line 1: not JSON"),
    "nothing": ("", "has no rows"),
    "not UTF-8": (b'{"text": "\xff"}', "line 1: not UTF-8, byte 0xff"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_refused_before_anything_is_asked(name: str, module: Path, server: ScriptServer) -> None:
    given, message = BAD_ROWS[name]
    done = run_module(module, "--jsonl", "-", "--api-base", server.url, given=given)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert server.completions == 0


@pytest.mark.slow
def test_a_row_may_have_a_field_error(tmp_path: Path) -> None:
    def unsure(prompt: Prompt, sampling: Sampling) -> Completion:
        return told(" perhaps", {}, sampling)

    written = prompt_of(layout_named("plain"), SENTIMENT, (), decoding=Decoding(max_tokens=6))
    path = write_module(program_of(written, "openai/toy"), tmp_path)
    with ScriptServer(unsure, "openai") as server:
        done = run_module(path, "--jsonl", "-", "--api-base", server.url, given='{"text": "Hm.", "error": "E404"}')
    answered = json.loads(done.stdout)
    assert (answered["text"], answered["error"]) == ("Hm.", "E404")
    assert answered["error_2"].startswith("the completion cannot be read: ")
    assert done.stderr == (
        "Note: the field 'error' is taken, so 'error_2' says why a row has no outputs.\n"
        f"Answered 0 of 1 row. 1 row has an error instead: {answered['error_2']}.\n"
    )


def shell(module: Path, server: ScriptServer, command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a module in a shell, which redirects its streams; MODULE stands for what runs it."""
    words = shlex.join([sys.executable, "-I", str(module), "--api-base", server.url])
    return subprocess.run(
        ["sh", "-c", command.replace("MODULE", words)], capture_output=True, text=True, check=False, **options
    )


FULL = "Error: the output cannot be written: No space left on device. Send it elsewhere.\n"
STREAMS = {
    "full output": ("MODULE --text x >/dev/full", 1, FULL),
    "full output of JSON": ("MODULE --text x --json >/dev/full", 1, FULL),
    "full output of rows": ('echo \'{"text": "x"}\' | MODULE --jsonl - >/dev/full', 1, FULL),
    "full output of help": ("MODULE --help >/dev/full", 1, FULL),
    "full messages": ("MODULE --text x 2>/dev/full", 0, ""),
    "full messages of an error": ("MODULE --jsonl /nowhere 2>/dev/full", 1, ""),
    "closed output": ("MODULE --text x >&-", 0, ""),
    "closed output of help": ("MODULE --help >&-", 0, ""),
    "closed output and messages": ('echo \'{"text": "x"}\' | MODULE --jsonl - >&- 2>&-', 0, ""),
    "full file": (
        'echo \'{"text": "x"}\' | MODULE --jsonl - --out /dev/full',
        1,
        "Error: /dev/full cannot be written: No space left on device. It has the rows that were answered so far; "
        "choose another place with --out.\n",
    ),
    "input that cannot be read": (
        "MODULE --text - 0>/dev/null",
        1,
        "Error: Standard input cannot be read: Bad file descriptor. Pipe the text into it, or give the text itself "
        "instead of -.\n",
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("name", STREAMS)
def test_streams_that_are_closed_or_full_are_one_sentence(name: str, module: Path, server: ScriptServer) -> None:
    command, status, message = STREAMS[name]
    done = shell(module, server, command)
    assert (done.returncode, done.stderr) == (status, message)


def test_a_folder_that_was_deleted_is_no_obstacle(module: Path, server: ScriptServer, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    gone = f"cd {shlex.quote(str(tmp_path / 'gone'))} && rmdir ../gone && "
    assert shell(module, server, f"{gone}MODULE --text x").stdout == "positive\n"
    (tmp_path / "gone").mkdir()
    done = shell(module, server, f"{gone}MODULE --jsonl in.jsonl --out out.jsonl")
    assert (done.returncode, done.stderr) == (
        1,
        "Error: in.jsonl cannot be read: No such file or directory. Check the path given with --jsonl.\n",
    )


BAD_OPTIONS = {
    "no input": ((), "--text is missing. The module takes --text, or --jsonl."),
    "both": (("--text", "x", "--jsonl", "-"), "--jsonl holds the inputs, but --text was given too."),
    "out alone": (("--text", "x", "--out", "y"), "--out is where the rows of --jsonl go."),
    "JSON twice": (("--jsonl", "x", "--json"), "--jsonl always writes JSON, and --json is for one row."),
    "its own file": (("--jsonl", "x", "--out", "./x"), "--out ./x is the file of --jsonl."),
    "no time": (
        ("--text", "x", "--timeout", "0"),
        "--timeout must be more than 0 and at most 1000000 seconds but is 0.",
    ),
    "time before now": (("--text", "x", "--timeout", "-1"), "at most 1000000 seconds but is -1."),
    "endless time": (("--text", "x", "--timeout", "inf"), "at most 1000000 seconds but is inf."),
    "more time than a number holds": (("--text", "x", "--timeout", "1e400"), "at most 1000000 seconds but is inf."),
    "more time than a socket counts": (("--text", "x", "--timeout", "1e10"), "at most 1000000 seconds but is 1e+10."),
    "time that is no number": (("--text", "x", "--timeout", "nan"), "at most 1000000 seconds but is nan."),
    "unknown": (("--texts", "x"), "unrecognized arguments: --texts x. The module takes --text, or --jsonl."),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_wrong_options_are_told_at_once(name: str, module: Path) -> None:
    options, message = BAD_OPTIONS[name]
    done = run_module(module, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


FAILURES = {
    "no address": (("--api-base", "http://"), "--api-base is 'http://', which is not the address of a server"),
    "nobody there": (("--api-base", "127.0.0.1:9"), "Nothing answers at http://127.0.0.1:9"),
    "no such file": (("--jsonl", "/nowhere.jsonl"), "/nowhere.jsonl cannot be read"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAILURES)
def test_what_cannot_be_reached_is_said(name: str, module: Path) -> None:
    options, message = FAILURES[name]
    inputs = () if "--jsonl" in options else ("--text", "x")
    done = run_module(module, *inputs, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_typed_inputs_are_read_and_checked(tmp_path: Path) -> None:
    path = write_module(program_of(toy_prompt(MIXED)), tmp_path)
    inputs = ("--strict", "TRUE", "--text", "x", "--limit", "12", "--ratio", "3", "--grade")
    with ScriptServer(lambda prompt, sampling: told(" yes\nTotal: 7", {}, sampling), "openai") as server:
        done = run_module(path, *inputs, "2", "--api-base", server.url)
        assert (done.returncode, done.stdout) == (0, "fits: true\ntotal: 7\n")
        assert "Strict: yes\nText: x\nLimit: 12\nRatio: 3\nGrade: 2" in server.asked[-1].text
        done = run_module(path, *inputs, "9", "--api-base", server.url)
        assert done.returncode == 1
        assert "the command line: grade must be one of 1, 2 but got '9'" in done.stderr


@pytest.mark.slow
def test_inputs_named_as_options_are_told_apart(tmp_path: Path) -> None:
    signature = Signature(
        name="Clash",
        instructions="",
        inputs=(Field(name="model"), Field(name="class"), Field(name="client"), Field(name="PROGRAM")),
        outputs=(Field(name="changes"),),
    )
    path = write_module(program_of(toy_prompt(signature)), tmp_path)
    inputs = ("--input-model", "a", "--class", "b", "--client", "c", "--PROGRAM", "d")
    with ScriptServer(lambda prompt, sampling: told(" none", {}, sampling), "ollama") as server:
        done = run_module(path, *inputs, "--json", "--api-base", server.url, "--model", "other")
        assert json.loads(done.stdout)["changes"] == "none"
        assert server.requests[-1].body["model"] == "other"


@pytest.mark.slow
def test_the_usage_gets_an_answer_from_a_file_that_no_import_finds(tmp_path: Path, server: ScriptServer) -> None:
    exported = export(sentiment(), "python", path=tmp_path / "module")
    (tmp_path / "module").write_text(exported.text, encoding="utf-8")
    (line,) = [line for line in exported.usage.splitlines() if line.startswith("# in Python")]
    code = line.partition(": ")[2].replace("text=…", "text='Fine.'").replace("; runpy", "; print(runpy") + ")"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"OPENAI_BASE_URL": f"{server.url}/v1"}
    )
    assert (done.stdout, done.stderr) == ("{'sentiment': 'positive'}\n", "")
