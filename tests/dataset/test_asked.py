"""Rows that a program is asked to answer can be answered, and written again as JSON."""

from pathlib import Path

import pytest

from cribsheet.dataset.asked import AskedRow, asked_rows, error_name
from cribsheet.errors import DataError
from cribsheet.signature import Field

FIELDS = (Field(name="text"), Field(name="ratio", kind="number"))


def rows_of(folder: Path, text: str) -> list[AskedRow]:
    (folder / "in.jsonl").write_text(text, encoding="utf-8")
    return asked_rows(folder / "in.jsonl", FIELDS)


def test_further_fields_are_kept(tmp_path: Path) -> None:
    row = {"text": "Hm.", "ratio": 0.5, "id": 7, "half": "\ud800"}
    assert rows_of(tmp_path, '{"text": "Hm.", "ratio": 0.5, "id": 7, "half": "\\ud800"}') == [AskedRow(row)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("in.csv", r"in.csv is a table, but --jsonl takes JSON Lines.*to_json\('rows.jsonl'"),
        ("IN.PARQUET", "IN.PARQUET is a table"),
        ("in.jsonl.gz", r"in.jsonl.gz is packed.*gunzip -c .*in.jsonl.gz \| … --jsonl -"),
    ],
)
def test_a_table_and_a_packed_file_are_told_to_be_no_json_lines(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / name).write_bytes(b"text,ratio\na,1\n")
    with pytest.raises(DataError, match=message):
        asked_rows(tmp_path / name, FIELDS)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"text": "a\\u0000", "ratio": 1}', "line 1: text has the character NUL at position 1. Correct it there."),
        ('{"text": "a", "ratio": 1e999}', "line 1: ratio must be a finite number but got inf. Correct it there."),
        ('{"text": "a", "ratio": "NaN"}', "line 1: ratio must be a finite number but got 'NaN'. Correct it there."),
        ('{"text": "a", "ratio": 1, "b": [-Infinity]}', "line 1: b has a number that JSON cannot hold, [-inf]. Write"),
        ('{"text": "a"}', "line 1: no field 'ratio'; it has text. Give each row text, ratio."),
    ],
)
def test_a_row_that_cannot_be_answered_or_written_says_why(tmp_path: Path, text: str, problem: str) -> None:
    good = '{"text": "b", "ratio": 2}'
    bad, other = rows_of(tmp_path, f"{text}\n{good}")
    assert problem in bad.problem
    assert other == AskedRow({"text": "b", "ratio": 2})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"text": "a", "ratio": 1, "b": ' + "[" * 101 + "]" * 101 + "}",
            "line 1: an object that is nested more than 100",
        ),
        ("", "in.jsonl has no rows. Write one JSON object per line."),
    ],
)
def test_a_file_that_is_no_rows_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows_of(tmp_path, text)


@pytest.mark.parametrize(
    "row",
    [
        '{"text": ["LONG"], "ratio": 1}',
        '{"text": "a", "ratio": "LONG"}',
        '{"text": "a", "ratio": [[["LONG"]]]}',
        '{"LONG": 1}',
    ],
)
def test_a_message_shows_the_beginning_of_a_long_value(tmp_path: Path, row: str) -> None:
    (asked,) = rows_of(tmp_path, row.replace("LONG", "x" * 10_000_000))
    assert "xxx" in asked.problem
    assert len(asked.problem) < 500


def test_an_error_gets_a_name_that_no_row_and_no_output_has() -> None:
    assert error_name([{"text": "a"}], ["error"]) == "error_2"
    assert error_name([{"text": "a"}, {"error": 1, "error_2": 2}], ["mood"]) == "error_3"
