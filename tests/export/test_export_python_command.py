"""An exported Python module as a command: rows in and out, and what goes wrong is said in a sentence."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from script_server import ScriptServer, told

from cribsheet.cli._inputs import option_name as ask_option_name
from cribsheet.export.standalone.command import option_name
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
    assert (done.returncode, done.stderr) == (0, "Answered 1 of 2 rows.\n")


BAD_ROWS = {
    "not JSON": ("{", "line 1: not JSON"),
    "a field is missing": ('{"title": "x"}', "line 1: no field 'text'; it has title"),
    "a value of another type": ('{"text": "ok"}\n{"text": 3}', "line 2: text must be text but got 3"),
    "half of a character": ('{"text": "\\ud83d"}', "half of a surrogate pair"),
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


BAD_OPTIONS = {
    "no input": ((), "--text is missing. The module takes --text, or --jsonl."),
    "both": (("--text", "x", "--jsonl", "-"), "--jsonl holds the inputs, but --text was given too."),
    "out alone": (("--text", "x", "--out", "y"), "--out is where the rows of --jsonl go."),
    "its own file": (("--jsonl", "x", "--out", "./x"), "--out ./x is the file of --jsonl."),
    "no time": (("--text", "x", "--timeout", "0"), "--timeout must be more than 0 seconds."),
    "unknown": (("--texts", "x"), "unrecognized arguments: --texts"),
}


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


@pytest.mark.parametrize("name", FAILURES)
def test_what_cannot_be_reached_is_said(name: str, module: Path) -> None:
    options, message = FAILURES[name]
    inputs = () if "--jsonl" in options else ("--text", "x")
    done = run_module(module, *inputs, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_typed_inputs_are_read_and_checked(tmp_path: Path) -> None:
    path = write_module(program_of(toy_prompt(MIXED)), tmp_path)
    inputs = ("--strict", "TRUE", "--text", "x", "--limit", "12", "--ratio", "3", "--grade")
    with ScriptServer(lambda prompt, sampling: told(" yes\nTotal: 7", {}, sampling), "openai") as server:
        done = run_module(path, *inputs, "2", "--api-base", server.url)
        assert (done.returncode, done.stdout) == (0, "fits: true\ntotal: 7\n")
        assert "Strict: yes\nText: x\nLimit: 12\nRatio: 3.0\nGrade: 2" in server.asked[-1].text
        done = run_module(path, *inputs, "9", "--api-base", server.url)
        assert done.returncode == 1
        assert "the command line: grade must be one of 1, 2 but got '9'" in done.stderr


@pytest.mark.parametrize("name", ["text", "due_date", "model", "input_model", "out", "json", "help", "api_base"])
def test_an_input_has_the_option_that_ask_gives_it(name: str) -> None:
    assert option_name(name) == ask_option_name(name)


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
