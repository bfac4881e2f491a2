"""Our side of the comparison, on the toy student."""

from dataclasses import replace
from pathlib import Path

import pytest

from cribsheet.models.scripted import ScriptedModel
from cribsheet.workspace import builtin
from signatures.grounded_qa import GroundedQA
from toys import sentiment_rows, student_model, write_rows
from versus.ours import measure, methods
from versus.tasks import TASKS, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    trainset = write_rows(tmp_path / "toy.jsonl", sentiment_rows())
    return replace(TASKS["sentiment"](tmp_path, tmp_path), trainset=trainset)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["baseline", "zero_shot", "labeled", "race"])
def test_each_optimizer_is_scored_on_rows_of_its_splits_test_part(method: str, bench: Bench) -> None:
    assert method in methods()
    cell = measure(bench, method, 0, model=student_model(), budget="20k", limit=20)
    assert cell.score is not None, cell.note
    assert cell.n == 20
    assert cell.compiling.calls > 0
    assert cell.testing.calls == 20 + cell.unreadable  # these were asked for once more
    assert cell.rows == measure(bench, "baseline", 0, model=student_model(), budget="20k", limit=20).rows


def test_a_compile_that_fails_says_why(bench: Bench) -> None:
    cell = measure(bench, "race", 0, model=student_model(), budget="20", limit=20)
    assert cell.score is None
    assert cell.note.startswith("did not run: A budget of 20 tokens is too small")


def test_a_method_may_name_its_own_budget(bench: Bench) -> None:
    cell = measure(bench, "race@8k", 0, model=student_model(), budget="20", limit=20)
    assert (cell.method, cell.allowed) == ("race@8k", "8k")
    assert cell.score is not None  # with a budget of 20 there would be none


def test_words_alone_learn_from_the_rows_that_a_search_sees_and_ask_no_model(bench: Bench) -> None:
    cell = measure(bench, "words_alone", 0, model=ScriptedModel({}), budget="20k", limit=20)
    assert (cell.score, cell.n, cell.compiling.calls) == (1.0, 20, 0)
    assert cell.rows == measure(bench, "baseline", 0, model=student_model(), budget="20k", limit=20).rows
    written = replace(bench, signature=GroundedQA, trainset=builtin().trainset("grounded_qa.jsonl"))
    assert measure(written, "words_alone", 0, model=ScriptedModel({}), budget="20k", limit=20).score is None
