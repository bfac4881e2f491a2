"""The pages of the tasks say what is so: their commands, their signatures, their figures."""

import json
import re
from pathlib import Path

import pytest

import tasks
from cribsheet.compiler.bridge import DspyProgram, as_module
from cribsheet.workspace import builtin

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "tasks").glob("*.md"))
SCORE = {"score": 0.5, "low": 0.4, "high": 0.6, "n": 40}
CELL = {
    "task": "topic",
    "metric": "label_accuracy",
    "model": "embedded/smollm2-135m",
    "baseline": {**SCORE, "score": 0.1},
    "decided": SCORE,
    "words_alone": None,
    "compiled": {**SCORE, "score": 0.9},
    "gain": {"mean": 0.4, "low": 0.3, "high": 0.5, "n": 40},
    "interrupted": False,
    "prompts": {"predict": "Text: \\1 «text»\nTopic:"},
}


def test_every_task_that_ships_has_a_page_and_a_line_in_the_list_of_tasks() -> None:
    shipped = {path.stem for path in (ROOT / "programs").glob("*.py")}
    assert {path.stem for path in PAGES} == shipped
    listed = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\(tasks/(\w+)\.md\)", listed)) == shipped


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_the_command_the_signature_and_the_number_of_rows_of_its_task(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    _, task = builtin().task(path.stem)
    assert f"$ optimize {path.stem}\n" in text
    for signature in DspyProgram(as_module(task.program)).signatures.values():
        assert f'"""{signature.instructions}"""' in text
    rows = (ROOT / "trainsets" / str(task.trainset)).read_text(encoding="utf-8").splitlines()
    assert f"has {len(rows)} rows" in text
    assert rows[0] in text
    for target in re.findall(r"\]\(([^)#:]+\.md)", text):
        assert (path.parent / target).is_file()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_the_figures_that_were_measured(path: Path) -> None:
    cells = json.loads(tasks.RESULTS.read_text(encoding="utf-8")) if tasks.RESULTS.is_file() else {}
    text = path.read_text(encoding="utf-8")
    if path.stem in cells:
        assert tasks.page(text, cells[path.stem]) == text
    else:
        assert "Not measured yet." in text


def test_figures_and_prompts_stand_between_the_marks_and_nothing_else_changes() -> None:
    before = f"# Topic\n\n{tasks.BEGIN}\n\nold\n\n{tasks.END}\n\nafter\n"
    after = tasks.page(before, CELL)
    assert after.startswith("# Topic\n")
    assert after.endswith(f"{tasks.END}\n\nafter\n")
    assert "old" not in after
    assert "| zero-shot prompt, decided by log-probabilities | 0.500 [0.400, 0.600] |" in after
    assert "words alone" not in after
    assert "| gain over the better zero-shot prompt | +0.400 [+0.300, +0.500] |" in after
    assert "````text\nText: \\1 «text»\nTopic:\n````" in after
    assert tasks.page(after, CELL) == after


def test_the_table_has_a_line_for_each_task() -> None:
    assert tasks.table({"topic": CELL}).splitlines()[2] == (
        "| topic | label_accuracy | 0.100 [0.400, 0.600] | 0.500 [0.400, 0.600] | – | 0.900 [0.400, 0.600] | "
        "+0.400 [+0.300, +0.500] | 40 |"
    )
