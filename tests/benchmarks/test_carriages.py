"""The benchmark of carriages scores one frozen program as each deployment runs it."""

from dataclasses import replace
from pathlib import Path

import pytest

from carriages import measured, table
from toys import sentiment_rows, student_model, write_rows
from versus.tasks import TASKS


@pytest.mark.slow
def test_a_prompt_for_the_runtime_is_also_scored_as_text(tmp_path: Path) -> None:
    trainset = write_rows(tmp_path / "toy.jsonl", sentiment_rows())
    bench = replace(TASKS["sentiment"](tmp_path, tmp_path), trainset=trainset, name="sst2")
    cells = [
        cell
        for target in ("text", "runtime")
        for cell in measured(bench, target, 0, model=student_model(), budget="8k", limit=20)
    ]
    assert [cell.method for cell in cells] == [
        "compiled for text, scored as text",
        "compiled for runtime, scored as text",
        "compiled for runtime, scored as runtime",
    ]
    assert {cell.n for cell in cells} == {20}
    assert len({cell.rows for cell in cells}) == 1
    assert "| compiled for text, scored as text | " in table(cells)
