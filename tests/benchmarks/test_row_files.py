"""Generated files of rows are read, or refused with the cause and what to do."""

import csv
import io
import json
import random
from pathlib import Path

import dspy
import pytest

from cribsheet.dataset.rows import load_rows
from row_cases import ECHO
from row_files import Outcome, read_all, template
from row_writer import TEXTS


def test_no_file_ends_in_a_traceback_and_every_message_tells_the_cause_and_the_mend() -> None:
    outcomes = read_all(range(400))
    assert [one.crash for one in outcomes if one.crash] == []
    assert [(one.seed, one.message) for one in outcomes if one.lacks] == []
    assert len({template(one.message) for one in outcomes}) > 20  # many kinds of them
    assert sum(one.rows > 0 for one in outcomes) > 80


def test_a_message_without_a_mend_would_be_found() -> None:
    assert Outcome(0, message="rows.csv, line 1: it is wrong.").lacks == "a mend"
    assert Outcome(0, message="It is wrong. Correct it.").lacks == "a place"


@pytest.mark.parametrize("seed", range(30))
def test_rows_are_read_as_they_were_written(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    rows = [{"text": f"{rng.choice(TEXTS)} x", "answer": f"{rng.choice(TEXTS)} {number}"} for number in range(5)]
    suffix = rng.choice((".csv", ".tsv", ".jsonl", ".json", "given", "examples"))
    path = tmp_path / f"x{suffix}"
    if suffix in (".csv", ".tsv"):
        path.write_bytes(table(rows, rng).encode(rng.choice(("utf-8", "utf-8-sig", "utf-16", "utf-32"))))
    elif suffix.startswith("."):
        path.write_bytes(objects(rows, rng).encode(rng.choice(("utf-8", "utf-8-sig", "utf-16"))))
    given = {"given": rows, "examples": [dspy.Example(**row) for row in rows]}
    found = load_rows(given.get(suffix, path), ECHO)
    assert [row.values for row in found] == rows


def table(rows: list[dict[str, str]], rng: random.Random) -> str:
    """Return rows as a table that quotes what it must."""
    out = io.StringIO(newline="")
    header = rng.sample(["text", "answer", "note; of, all"], 3)
    writer = csv.DictWriter(
        out,
        header,
        delimiter=rng.choice(",;\t|"),
        lineterminator=rng.choice(("\n", "\r\n")),
        quoting=rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
    )
    writer.writeheader()
    writer.writerows({**row, "note; of, all": ""} for row in rows)
    return out.getvalue()


def objects(rows: list[dict[str, str]], rng: random.Random) -> str:
    """Return rows as JSON in one of its shapes."""
    indent, is_ascii = rng.choice((None, 2)), rng.random() < 0.5
    texts = [json.dumps(row, indent=indent, ensure_ascii=is_ascii) for row in rows]
    return rng.choice(("\n".join(texts), f"[{','.join(texts)}]", f'{{"data": [{",".join(texts)}]}}'))
