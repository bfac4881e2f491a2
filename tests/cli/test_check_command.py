"""`check` tells whether a score still holds."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result

from cribsheet.frozen.sealing import read, save
from cribsheet.frozen.tested import hash_of
from cribsheet.models import WAYS, Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from toys import sentiment_rows, student, write_rows

Run = Callable[..., Result]


def replace_model(script: object) -> None:
    WAYS["scripted"] = lambda name, options: ScriptedModel(script, name="scripted/student")  # type: ignore[arg-type]


def contrary(prompt: Prompt, sampling: Sampling) -> Completion:
    """Answer the opposite of what the student does."""
    told = student(prompt, sampling)
    swapped = {" positive": " negative", " negative": " positive"}
    first = told.first_token and {swapped.get(token, token): value for token, value in told.first_token.items()}
    return told.model_copy(update={"text": swapped.get(told.text, told.text), "first_token": first})


def test_a_score_holds_on_the_model_that_it_was_measured_with(run: Run, compiled: Path) -> None:
    result = run("check", compiled)
    assert result.exit_code == 0, result.output
    assert "Every row scores as before; the interval tells how far other rows may differ." in result.stdout
    told = json.loads(run("check", compiled, "--json").stdout)
    assert told["holds"]
    assert told["same"]
    assert told["change"]["mean"] == 0.0
    assert told["now"]["n"] == told["recorded"]["n"] == json.loads(compiled.read_text())["results"]["compiled"]["n"]


def test_other_weights_under_the_same_name_are_found_out(run: Run, compiled: Path, tmp_path: Path) -> None:
    replace_model(contrary)
    summary = tmp_path / "summary.md"
    summary.write_text("# Before\n")
    result = run("check", compiled, "--junit", tmp_path / "check.xml", "--summary", summary)
    assert result.exit_code == 1
    assert "The score does not hold" in result.stdout
    suite = ElementTree.parse(tmp_path / "check.xml").getroot()
    assert (suite.get("failures"), len(suite.findall("testcase/failure"))) == ("1", 1)
    assert summary.read_text().startswith("# Before\n### toy.prompt.json: the score does not hold")


def test_a_model_that_tells_no_log_probabilities_is_noted(run: Run, compiled: Path) -> None:
    replace_model(lambda prompt, sampling: student(prompt, sampling).model_copy(update={"first_token": None}))
    told = run("check", compiled, "--limit", "5")
    assert "rows for which the model told no log-probabilities: 5. Their answers were read from the text" in told.stderr
    assert "log-probabilities" not in run("check", compiled, "--for", "text").stderr


def test_each_carriage_is_compared_with_its_own_score(run: Run, compiled: Path) -> None:
    recorded = json.loads(compiled.read_text())["results"]["carriages"]
    for carriage in ("text", "logprobs"):
        told = json.loads(run("check", compiled, "--for", carriage, "--json").stdout)
        assert told["recorded"] == recorded[carriage]
        assert told["change"]["mean"] == 0.0
    refused = run("check", compiled, "--for", "logit_bias")
    assert refused.exit_code == 2
    assert "cannot be deployed as logit_bias. Use one of these: text, logprobs, runtime" in refused.stderr


def test_other_rows_are_compared_without_pairing(run: Run, compiled: Path, folder: Path) -> None:
    rows = write_rows(folder / "more.jsonl", sentiment_rows()[:40])
    told = json.loads(run("check", compiled, "--data", rows, "--json").stdout)
    assert (told["paired"], told["now"]["n"]) == (False, 40)
    assert told["change"]["low"] < told["change"]["mean"] < told["change"]["high"]


@pytest.mark.parametrize("option", [("--map", "review=text"), ("--allow-empty",)])
def test_options_about_rows_need_rows(run: Run, compiled: Path, option: tuple[str, ...]) -> None:
    for command in (("check", compiled), ("export", compiled, "--to", "jinja", "--out", "x", "--verify")):
        result = run(*command, *option)
        assert result.exit_code == 2
        assert f"{option[0]} is about the rows of --data. Give --data too, or leave {option[0]} out." in result.stderr


def test_empty_texts_are_checked_if_they_are_allowed(run: Run, compiled: Path, folder: Path) -> None:
    (folder / "more.jsonl").write_text('{"text": " ", "sentiment": "positive"}\n')
    refused = run("check", compiled, "--data", "more.jsonl")
    assert "more.jsonl, line 1: text is empty" in refused.stderr
    assert json.loads(run("check", compiled, "--data", "more.jsonl", "--allow-empty", "--json").stdout)["now"]["n"] == 1


def test_other_rows_need_no_recorded_ones(run: Run, compiled: Path, folder: Path) -> None:
    (folder / "toy.test.jsonl").unlink()
    rows = write_rows(folder / "more.jsonl", sentiment_rows()[:40])
    told = json.loads(run("check", compiled, "--data", rows, "--json").stdout)
    assert told["recorded"] == json.loads(compiled.read_text())["results"]["compiled"]


def record_again(run: Run, compiled: Path, folder: Path, lines: list[str]) -> None:
    """Replace the recorded test rows, and seal the frozen file with their hash."""
    content, text = json.loads(compiled.read_text()), "".join(f"{line}\n" for line in lines)
    (folder / "toy.test.jsonl").write_text(text, encoding="utf-8")
    content["results"]["tested"] = hash_of(text)
    compiled.write_text(json.dumps(content), encoding="utf-8")
    assert run("seal", compiled).exit_code == 0


def recorded(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "toy.test.jsonl").read_text().split("\n") if line]


def test_recorded_texts_may_hold_any_line_break(run: Run, folder: Path, compiled: Path) -> None:
    rows = recorded(folder)
    for row in rows:
        row["inputs"]["text"] += "\u2028\x85 More."
    record_again(run, compiled, folder, [json.dumps(row, ensure_ascii=False) for row in rows])
    result = run("check", compiled)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"scores": {"runtime": float("nan")}}, "has a row that cannot be read: Input should be a finite number"),
        ({"outputs": {"sentiment": []}}, "has a row that cannot be read: Tuple should have at least 1 item"),
        ({"outputs": {}}, "does not fit the signature: it has no 'sentiment'"),
        ({"inputs": {"review": "Dull."}}, "does not fit the signature: it has no 'text'"),
        ({"outputs": {"sentiment": ["mixed"]}}, "does not fit the signature: sentiment must be one of"),
    ],
)
def test_a_recorded_row_that_cannot_be_scored_is_refused(
    run: Run, folder: Path, compiled: Path, changes: dict[str, Any], told: str
) -> None:
    first, *others = recorded(folder)
    record_again(run, compiled, folder, [json.dumps(row) for row in ({**first, **changes}, *others)])
    result = run("check", compiled)
    assert result.exit_code == 1
    assert told in result.stderr
    assert not result.stdout


def test_a_file_of_no_test_rows_is_refused(run: Run, folder: Path, compiled: Path) -> None:
    record_again(run, compiled, folder, [])
    result = run("check", compiled)
    assert result.exit_code == 1
    assert "toy.test.jsonl holds no test rows" in result.stderr


@pytest.mark.parametrize("option", ["--junit", "--summary"])
@pytest.mark.parametrize("name", ["toy.prompt.json", "toy.test.jsonl", "link", "more.jsonl"])
def test_no_report_is_written_over_a_file_that_is_read(
    run: Run, folder: Path, compiled: Path, option: str, name: str
) -> None:
    write_rows(folder / "more.jsonl", sentiment_rows()[:40])
    (folder / "link").symlink_to(compiled)
    before = (folder / name).read_bytes()
    result = run("check", compiled, "--data", "more.jsonl", option, name)
    assert result.exit_code == 2
    assert f"{option} {name} is a file that this command reads. Name another file." in result.stderr
    assert (folder / name).read_bytes() == before


def test_a_file_that_records_no_test_rows_is_told(run: Run, compiled: Path) -> None:
    program = read(compiled)
    save(program.model_copy(update={"results": program.results.model_copy(update={"tested": None})}), compiled)
    result = run("check", compiled)
    assert result.exit_code == 1
    assert "toy.prompt.json records no test rows. Compile again, or name other rows with --data." in result.stderr


@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_a_report_that_cannot_be_written_does_not_take_the_result_along(
    run: Run, folder: Path, compiled: Path, option: str
) -> None:
    result = run("check", compiled, option, folder)
    assert result.exit_code == 1
    assert "The score holds" in result.stdout
    assert f"Error: {folder} cannot be written: Is a directory" in result.stderr


def test_reports_name_a_file_whose_name_is_not_utf_8(run: Run, compiled: Path, folder: Path, tmp_path: Path) -> None:
    odd = folder / os.fsdecode(b"\xff\x01.prompt.json")
    compiled.rename(odd)
    (folder / "toy.test.jsonl").rename(folder / os.fsdecode(b"\xff\x01.test.jsonl"))
    result = run("check", odd, "--junit", tmp_path / "check.xml", "--summary", tmp_path / "summary.md")
    assert result.exit_code == 0, result.output
    assert ElementTree.parse(tmp_path / "check.xml").getroot() is not None
    assert ".prompt.json: the score holds" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_test_rows_that_are_missing_or_changed_are_refused(run: Run, compiled: Path, folder: Path) -> None:
    beside = folder / "toy.test.jsonl"
    text = beside.read_text()
    beside.write_text(text.replace("film", "movie"))
    changed = run("check", compiled)
    assert changed.exit_code == 1
    assert "does not hold the test rows" in changed.stderr
    beside.unlink()
    missing = run("check", compiled)
    assert missing.exit_code == 1
    assert "name other rows with --data" in missing.stderr
