"""Rows are appended to a trainset once, at once, and only as the trainset's readers read them."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from cribsheet.dataset.row_files import Dropped, RowFile, append_line
from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import Integer, List
from toys import QA, SENTIMENT

ROW = {"text": "Hm.", "sentiment": "negative"}


def test_a_row_is_appended_once_and_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = RowFile(path, SENTIMENT)
    assert rows.add(ROW)
    assert not rows.add({"text": "HM. ", "sentiment": "positive"})
    assert RowFile(path, SENTIMENT).has({"text": "hm."})
    assert [row.values for row in load_rows(path, SENTIMENT)] == [ROW]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "before", ['{"text": "a", "sentiment": "positive"}', '\ufeff{"text":\n "a", "sentiment": "positive"}\n\n', ""]
)
def test_what_is_there_stays_as_it_is(tmp_path: Path, before: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(before, encoding="utf-8")
    RowFile(path, SENTIMENT).add(ROW)
    after = path.read_text(encoding="utf-8")
    assert after.startswith(before)
    assert json.loads(after.splitlines()[-1]) == ROW
    assert len(load_rows(path, SENTIMENT)) == 1 + bool(before)


def test_rows_that_something_else_appends_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    one, other = RowFile(path, SENTIMENT), RowFile(path, SENTIMENT)
    assert one.add(ROW)
    assert not other.add(ROW)
    assert len(other) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.csv", b"text,sentiment\n", "lines of JSON"),
        ("rows.jsonl", b'[{"text": "a", "sentiment": "positive"}]', "is one array"),
        ("rows.jsonl", '{"text": "a", "sentiment": "positive"}'.encode("utf-16"), "not UTF-8"),
        ("rows.jsonl", b'{"text": "a"}\n', "line 1: no field 'sentiment'"),
        ("rows.jsonl", b'{"text": "a", "sentiment": "positive"}\n{"te', "line 2: not JSON"),
    ],
)
def test_a_file_that_no_row_can_be_appended_to_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        RowFile(tmp_path / name, SENTIMENT)
    assert (tmp_path / name).read_bytes() == content


def test_lists_are_read_back_as_they_were_given(tmp_path: Path) -> None:
    grid = Field(name="grid", type=List(item=List(item=Integer())))
    signature = Signature(name="Grid", instructions="Draw.", inputs=(Field(name="text"),), outputs=(grid,))
    rows = RowFile(tmp_path / "rows.jsonl", signature)
    values: tuple[tuple[list[object], tuple[object, ...]], ...] = (
        ([], ([],)),
        ([[]], ([[]],)),
        ([[1], [2]], ([[1], [2]],)),
        ([[[1]], []], ([[1]], [])),
    )
    for place, (given, _) in enumerate(values):
        rows.add({"text": str(place), "grid": given})
    assert [row.outputs["grid"] for row in load_rows(rows.path, signature)] == [accepted for _, accepted in values]
    assert json.loads(rows.path.read_text().splitlines()[2])["grid"] == [[1], [2]]


def test_values_that_are_no_row_are_refused_and_the_file_stays(tmp_path: Path) -> None:
    rows = RowFile(tmp_path / "rows.jsonl", QA)
    for answer, message in (("", "answer is empty"), ([], "empty list"), ({"a": 1}, "answer")):
        with pytest.raises(DataError, match=message):
            rows.add({"question": "Who?", "context": "It rained.", "answer": answer})
    with pytest.raises(DataError, match="text is empty"):
        RowFile(tmp_path / "s.jsonl", SENTIMENT).add(ROW | {"text": " "})
    assert RowFile(tmp_path / "s.jsonl", SENTIMENT, allow_empty=True).add(ROW | {"text": ""})
    assert not rows.path.exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no folder"):
        RowFile(tmp_path / "nix" / "rows.jsonl", SENTIMENT)
    rows = RowFile(tmp_path / "rows.jsonl", SENTIMENT)
    rows.path.mkdir()
    with pytest.raises(DataError, match=r"cannot be (read|written)"):
        rows.add(ROW)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="This machine has no /dev/full.")
def test_a_full_disk_is_told() -> None:
    with pytest.raises(DataError, match=os.strerror(errno.ENOSPC)):
        append_line(Path("/dev/full"), "x")


def test_dropped_inputs_are_known_again_and_are_not_in_the_file(tmp_path: Path) -> None:
    dropped = Dropped(tmp_path / "rows.jsonl.dropped")
    dropped.add({"text": "My secret"})
    assert Dropped(dropped.path).has({"text": "my  SECRET"})
    assert not Dropped(dropped.path).has({"text": "other"})
    assert "secret" not in dropped.path.read_text().casefold()
