"""The comparison's records, their order and their tables."""

from pathlib import Path

import pytest

from versus import ours, theirs
from versus.cells import Cell, Cost, Results
from versus.table import lead, markdown, median
from versus.tasks import TASKS
from versus_dspy import plan


def cell(method: str = "race", *, seed: int = 0, scores: tuple[float, ...] = (1.0, 0.0), rows: str = "a") -> Cell:
    score = sum(scores) / len(scores)
    return Cell(
        task="sst2",
        method=method,
        seed=seed,
        score=score,
        low=score,
        high=score,
        n=len(scores),
        scores=scores,
        rows=rows,
    )


def test_a_results_file_is_read_back_with_what_was_put(tmp_path: Path) -> None:
    path = tmp_path / "results" / "versus.json"
    Results(path).put(cell())
    again = Results(path)
    again.put(cell(seed=1))
    assert [one.key for one in Results(path)] == [("sst2", "race", 0), ("sst2", "race", 1)]
    assert ("sst2", "race", 1) in again
    assert [file.name for file in path.parent.iterdir()] == ["versus.json"]


def test_our_first_seed_comes_first_then_dspy_then_our_other_seeds() -> None:
    methods = ["race", "dspy.Predict", "dspy.GEPA"]
    assert list(plan(["sst2", "topic"], methods, [0, 1])) == [
        ("sst2", "race", 0),
        ("topic", "race", 0),
        ("sst2", "dspy.Predict", 0),
        ("topic", "dspy.Predict", 0),
        ("sst2", "dspy.GEPA", 0),
        ("topic", "dspy.GEPA", 0),
        ("sst2", "race", 1),
        ("topic", "race", 1),
    ]


def test_the_default_methods_hold_each_optimizer_once() -> None:
    methods = [*ours.methods(), *theirs.METHODS]
    assert len(methods) == len(set(methods))
    assert {"baseline", "race", "dspy.MIPROv2"} <= set(methods)


def test_the_median_leaves_out_what_did_not_run() -> None:
    cells = [cell(seed=0, scores=(1.0, 1.0)), cell(seed=1, scores=(0.0, 0.0)), Cell(task="sst2", method="race", seed=2)]
    assert median(cells).seed == 1
    assert median(cells[2:]).score is None


def test_methods_are_compared_on_the_same_test_rows_alone() -> None:
    race = [cell(scores=(1.0, 1.0)), cell(seed=1, scores=(1.0, 0.0), rows="b")]
    gain = lead(race, [cell("labeled", scores=(0.0, 1.0))])
    assert gain is not None
    assert gain.mean == 0.5
    assert lead(race, [cell("labeled", rows="c")]) is None
    first = lead(race, [cell("labeled", scores=(0.0,))])
    assert first is not None
    assert first.mean == 1.0
    assert lead(race, [Cell(task="sst2", method="dspy.GEPA", seed=0)]) is None


def test_the_table_has_a_row_for_each_method_and_says_why_one_did_not_run() -> None:
    cost = Cost(calls=1200, prompt_tokens=1000, evaluated_tokens=250, completion_tokens=30, seconds=2.0)
    cells = [
        cell(),
        cell(seed=1).model_copy(update={"compiling": cost}),
        cell(seed=2),
        cell("dspy.KNNFewShot", scores=(1.0,)),
        Cell(task="sst2", method="dspy.GEPA", seed=0, note="did not run: a | b"),
    ]
    text = markdown(cells, ["sst2", "topic"], ["race", "dspy.KNNFewShot", "dspy.GEPA"])
    assert "### sst2, 2 test rows" in text
    assert "### topic" not in text
    race, knn, gepa = [line for line in text.splitlines() if line.startswith("| `")]
    assert "0.500 [0.500, 0.500]; 0.500, 0.500, 0.500" in race
    assert "| 1,200 | 250 | 30 | 75% |" in race
    assert knn.endswith("| the first 1 test rows |")
    assert "did not run: a \\| b" in gepa


def test_each_row_is_compared_with_the_race_and_with_the_one_of_a_small_budget() -> None:
    cells = [cell(scores=(1.0, 1.0)), cell("race@12k", scores=(1.0, 0.5)), cell("dspy.GEPA", scores=(0.0, 0.5))]
    text = markdown(cells, ["sst2"], ["race", "race@12k", "dspy.GEPA"])
    race, small, gepa = [line.split(" | ")[2:4] for line in text.splitlines() if line.startswith("| `")]
    assert [race[0], small[1]] == ["", ""]
    assert small[0].startswith("+0.250 [")
    assert (gepa[0][:6], gepa[1][:6]) == ("+0.750", "+0.500")


@pytest.mark.parametrize("task", ["sst2", "ag_news", "squad2", "waimai"])
def test_no_test_row_is_a_search_row(task: str, tmp_path: Path) -> None:
    data = Path(__file__).parents[3] / "shared" / "data"
    if not data.is_dir():
        pytest.skip(f"there is no {data}")
    bench = TASKS[task](data, tmp_path)
    splits, test = bench.splits(0), bench.test_rows(0)
    searched = (*splits.train, *splits.val, *splits.test)
    assert len(test) == 300
    assert not {tuple(row.inputs.values()) for row in searched} & {tuple(row.inputs.values()) for row in test}
    if task == "squad2":
        assert not {row.inputs["context"] for row in searched} & {row.inputs["context"] for row in test}
        abstained = sum(bench.field.outcome_of(row.outputs["answer"][0]) == "unanswerable" for row in test)
        assert abstained == 150
