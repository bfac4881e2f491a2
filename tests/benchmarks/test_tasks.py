"""The pages of the tasks say what is so: their commands, their signatures, their figures."""

import json
import re
from pathlib import Path

import pytest

import tasks
from cribsheet.compiler.bridge import DspyProgram, as_module
from cribsheet.workspace import builtin

ROOT = Path(__file__).parents[2]
SECOND = tasks.results_of(tasks.SECOND)
PAGES = sorted((ROOT / "docs" / "tasks").glob("*.md"))
SCORE = {"score": 0.5, "low": 0.4, "high": 0.6, "n": 40}
CELL = {
    "task": "topic",
    "metric": "label_accuracy",
    "model": "embedded/smollm2-135m",
    "baseline": {**SCORE, "score": 0.1},
    "decided": SCORE,
    "words_alone": None,
    "constant": {**SCORE, "score": 0.25},
    "compiled": {**SCORE, "score": 0.9},
    "gain": {"mean": 0.4, "low": 0.3, "high": 0.5, "n": 40},
    "as_text": {**SCORE, "score": 0.7},
    "interrupted": False,
    "cpu_seconds": 294,
    "unreadable": 1,
    "unreadable_freely": 3,
    "went_on": True,
    "held_by": ["grammar"],
    "recall": {"answered": 0.9, "unanswerable": 0.975},
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
    assert "294 s of processor time" in after
    assert "could not be read: 1 of 40. Written freely and asked for once, it would be 3." in after
    assert "continued with `--go-on`" in after
    assert "abstains on 98% of the rows that have no answer" in after
    assert "| gain over the better zero-shot prompt | +0.400 [+0.300, +0.500] |" in after
    assert "````text\nText: \\1 «text»\nTopic:\n````" in after
    assert tasks.page(after, CELL) == after


def test_the_table_has_a_line_for_each_task_with_the_better_zero_shot_prompt() -> None:
    first = (
        "| [topic](tasks/topic.md) | 40 | 0.500 [0.400, 0.600] | – | 0.250 [0.400, 0.600] | 0.900 [0.400, 0.600] | "
        "+0.400 [+0.300, +0.500] |"
    )
    assert tasks.table({"topic": CELL}, {}).splitlines()[2] == f"{first} – |"
    second = {**CELL, "compiled": SCORE}
    assert tasks.table({"topic": CELL}, {"topic": second}).splitlines()[2] == (
        f"{first} 0.500 [0.400, 0.600]; +0.400 [+0.300, +0.500] |"
    )


def test_answers_that_cannot_be_read_are_counted_over_all_tasks() -> None:
    decided = {**CELL, "unreadable": 0, "unreadable_freely": None}
    assert tasks.unreadable("a/b", {"topic": CELL, "stars": decided}) == (
        "With a/b, 1 of 80 answers could not be read. Written freely and asked for once, it would be 3."
    )


def test_each_model_has_a_file_of_its_own() -> None:
    assert tasks.results_of("embedded/smollm2-135m") == tasks.RESULTS
    assert tasks.results_of(tasks.SECOND).name == "tasks.gemma-3-270m.json"


def test_the_page_of_results_has_the_table_of_all_tasks() -> None:
    cells = json.loads(tasks.RESULTS.read_text(encoding="utf-8"))
    second = json.loads(SECOND.read_text(encoding="utf-8")) if SECOND.is_file() else {}
    assert "\n".join(tasks.overview(cells, second)) in tasks.OVERVIEW.read_text(encoding="utf-8")
