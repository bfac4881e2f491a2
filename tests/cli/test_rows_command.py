"""`cribsheet rows review` makes rows of kept calls, and can be stopped at any time."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from compiled_server import CompiledServer

from cribsheet.cli._reviewing import written_value
from cribsheet.frozen import save
from cribsheet.layout.catalogue import layout_named
from cribsheet.serve.options import Options
from cribsheet.signature import Field
from export_cases import TYPED, program_of, prompt_of
from frozen_toys import toy_program
from serve_toys import guarded, mood

Run = Callable[..., Result]


def call(text: str, probability: float | None = None, program: str = "served") -> dict[str, object]:
    outputs = {"sentiment": "positive"}
    return {"program": program, "inputs": {"text": text}, "outputs": outputs, "probability": probability}


@pytest.fixture
def calls(served: Path) -> Path:
    """Three calls of the program `served`."""
    rows = (call("sure", 0.9), call("unsure", 0.5), call("unknown"))
    Path("calls.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return Path("calls.jsonl")


def rows_of(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_calls_are_accepted_mended_and_dropped_least_sure_first(run: Run, calls: Path) -> None:
    result = run("rows", "review", calls, input="a\nm neg\nd\n")
    assert (result.exit_code, result.stdout) == (0, "")
    assert rows_of("served.rows.jsonl") == [
        {"text": "unsure", "sentiment": "positive"},
        {"text": "sure", "sentiment": "negative"},
    ]
    assert "1 accepted, 1 mended, 1 dropped; 0 left. 2 rows were added to served.rows.jsonl." in result.stderr


def test_a_review_goes_on_where_it_was_stopped(run: Run, calls: Path) -> None:
    first = run("rows", "review", calls, "--out", "mine.jsonl", input="l\nd\n")
    assert "2 left" in first.stderr
    second = run("rows", "review", calls, "--out", "mine.jsonl", input="a\nq\n")
    assert "1 of 3 inputs were reviewed before" in second.stderr
    assert "1 of 2 · probability 0.50" in second.stderr
    third = run("rows", "review", calls, "--out", "mine.jsonl", input="a\n")
    assert "1 of 1 · no probability" in third.stderr
    assert [row["text"] for row in rows_of("mine.jsonl")] == ["unsure", "unknown"]
    assert "Nothing is left" in run("rows", "review", calls, "--out", "mine.jsonl").stderr


def test_ctrl_c_keeps_what_was_decided(folder: Path, calls: Path) -> None:
    command = [sys.executable, "-m", "cribsheet", "rows", "review", str(calls)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdin
    assert process.stderr
    process.stdin.write("a\n")
    process.stdin.flush()
    while "2 of 3" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    told = process.communicate()[1]
    assert process.returncode == 130
    assert "1 accepted, 0 mended, 0 dropped; 2 left." in told
    assert "Traceback" not in told
    assert len(rows_of("served.rows.jsonl")) == 1


def test_rows_that_are_there_are_not_asked_again(run: Run, calls: Path) -> None:
    Path("rows.jsonl").write_text('{"text": "Unsure", "sentiment": "negative"}')
    result = run("rows", "review", calls, "--out", "rows.jsonl", input="a\na\n")
    assert "2 accepted" in result.stderr
    assert [row["text"] for row in rows_of("rows.jsonl")] == ["Unsure", "sure", "unknown"]


def test_a_row_that_something_else_adds_meanwhile_is_not_counted(folder: Path, calls: Path) -> None:
    command = [sys.executable, "-m", "cribsheet", "rows", "review", str(calls)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stderr
    while "1 of 3" not in process.stderr.readline():
        pass
    Path("served.rows.jsonl").write_text('{"text": "Unsure", "sentiment": "negative"}\n')
    told = process.communicate("a\na\n")[1]
    assert "served.rows.jsonl has got a row with these inputs meanwhile, so nothing was added." in told
    assert "1 accepted, 0 mended, 0 dropped, 1 there already; 1 left. 1 row was added" in told
    assert [row["sentiment"] for row in rows_of("served.rows.jsonl")] == ["negative", "positive"]


def test_values_are_shown_as_they_are_written(run: Run, folder: Path) -> None:
    save(program_of(prompt_of(layout_named("plain"), TYPED, ())), Path("typed.prompt.json"))
    inputs = {"text": "Ann is 3.", "known": [{"name": "Bob", "age": None}], "since": None}
    outputs = {"people": [{"name": "Ann", "age": 3}], "tags": {"unanswerable": "no tag"}, "born": None}
    Path("calls.jsonl").write_text(json.dumps({"program": "typed", "inputs": inputs, "outputs": outputs}))
    told = run("rows", "review", "calls.jsonl", input="q\n").stderr
    for line in (
        'known   [{"name": "Bob", "age": null}]',
        "since   null",
        'people  [{"name": "Ann", "age": 3}]',
        "tags    unanswerable: no tag",
        "born    unanswerable",
    ):
        assert line in told


def test_what_is_no_row_is_told_and_asked_again(run: Run, served: Path) -> None:
    Path("calls.jsonl").write_text(json.dumps(call(" ")))
    result = run("rows", "review", "calls.jsonl", input="a\nhm\nm meh\nd\n")
    assert "This cannot be a row: text is empty" in result.stderr
    assert "Write a, m, d, l, v or q" in result.stderr
    assert "sentiment must be one of negative, positive, not 'meh'. Nothing was changed." in result.stderr
    assert not Path("served.rows.jsonl").exists()


def test_a_call_cannot_take_over_the_terminal(run: Run, served: Path) -> None:
    Path("calls.jsonl").write_text(json.dumps(call("a\x1b[2J\u202eb\nc" + "x" * 4000, 0.5)))
    result = run("rows", "review", "calls.jsonl", input="v\nq\n")
    assert r"a\x1b[2J\u202eb" in result.stderr
    assert "more characters)" in result.stderr
    assert "\x1b" not in result.stderr
    assert "x" * 4000 in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nix.jsonl",), "There is no file nix.jsonl"),
        (("trainsets/toy.jsonl",), "line 1: not a kept call"),
        (("mixed.jsonl",), "of several programs, served (1), other (1). Choose one with --program"),
        (("other.jsonl",), "The calls are of '../other', and there is no ../other.prompt.json"),
        (("other.jsonl", "--program", "served.prompt.json"), "no call of 'served', but of ../other (1)"),
        (("calls.jsonl", "--out", "rows.csv"), "lines of JSON"),
        (("calls.jsonl", "--out", "calls.jsonl"), "is one of the files of calls"),
        (("calls.jsonl", "--program", "nix.prompt.json"), "There is no file nix.prompt.json"),
    ],
)
def test_wrong_files_are_told(run: Run, calls: Path, arguments: tuple[str, ...], message: str) -> None:
    Path("other.jsonl").write_text(json.dumps(call("x", program="../other")))
    Path("mixed.jsonl").write_text("\n".join(json.dumps(call("x", program=name)) for name in ("served", "other")))
    result = run("rows", "review", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert not Path("rows.csv").exists()


def test_calls_that_a_server_kept_become_rows(run: Run, folder: Path) -> None:
    options = Options(keep=folder / "calls.jsonl")
    with CompiledServer({"toy": toy_program(), "guarded": guarded()}, mood(), folder, options=options) as server:
        inputs = {"question": "Where?", "context": "It was in Köln."}
        assert server.post("/v1/programs/guarded", {"inputs": inputs}).status_code == 200
        assert server.post("/v1/programs/toy", {"inputs": {"text": "boring"}}).status_code == 200
    result = run("rows", "review", "calls.jsonl", "--program", "guarded.prompt.json", input='m ["Köln", "in Köln"]\n')
    assert "Calls of other programs are left out: toy (1)." in result.stderr
    assert rows_of("guarded.rows.jsonl") == [inputs | {"answer": ["Köln", "in Köln"]}]


def test_an_output_is_written_as_people_write_it() -> None:
    answer = Field(name="answer", abstains=True)
    stars = Field(name="stars", kind="label", labels=(1, 2, 10), abstains=True)
    for field, text, value in (
        (answer, "two hours", "two hours"),
        (answer, "Unanswerable", {"unanswerable": None}),
        (answer, "unanswerable: It is about tea.", {"unanswerable": "It is about tea."}),
        (answer, '["a", {"unanswerable": null}]', ["a", {"unanswerable": None}]),
        (answer, '"unanswerable"', "unanswerable"),
        (answer, "{no json", "{no json"),
        (stars, "1", 1),
        (stars, "u", {"unanswerable": None}),
        (Field(name="ok", kind="boolean"), "T", True),
        (Field(name="count", kind="integer"), "12", 12),
    ):
        assert written_value(field, text) == value
    for field, text in ((stars, "3"), (Field(name="count", kind="integer"), "many"), (stars, "")):
        with pytest.raises(ValueError, match=field.name):
            written_value(field, text)
