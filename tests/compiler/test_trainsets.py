"""A trainset may be a file or rows that code gives, with empty texts if they are allowed, scored in any range."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dspy
import pytest

from cribsheet import Settings, Task, compile_task, label_accuracy
from cribsheet.dataset.sampling import Taken
from cribsheet.errors import CompileError, DataError, MetricError
from cribsheet.export import Training, export
from cribsheet.frozen import FrozenProgram
from cribsheet.frozen.sealing import to_text
from cribsheet.models import Completion
from cribsheet.models.scripted import ScriptedModel
from cribsheet.workspace import Workspace, new_workspace
from toys import sentiment_rows, student_model, write_rows

WORDS = "text -> sentiment: Literal['negative', 'positive']"


class Dataset:
    """Rows that can be read again and again, and are no list."""

    def __init__(self, rows: list[dict[str, str]]):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, str]]:
        return iter(dict(row) for row in self._rows)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = new_workspace(tmp_path / "ws")
    write_rows(made.root / "trainsets" / "toy.jsonl", sentiment_rows())
    return made


def compiled(workspace: Workspace, trainset: Any, *, metric: Any = label_accuracy, **options: Any) -> FrozenProgram:
    settings = Settings(budget="500calls", optimizer="labeled", allow_empty=options.pop("allow_empty", False))
    task = Task(WORDS, metric=metric, trainset=trainset, **options)
    return compile_task(task, settings, workspace=workspace, model=student_model()).program


@pytest.mark.parametrize(
    "form",
    [list, Dataset, lambda rows: [dspy.Example(**row).with_inputs("text") for row in rows]],
    ids=["list", "dataset", "examples"],
)
def test_rows_from_code_freeze_the_same_bytes_as_their_file(workspace: Workspace, form: Callable[..., Any]) -> None:
    from_file, given = compiled(workspace, "toy.jsonl"), compiled(workspace, form(sentiment_rows()))
    assert to_text(given) == to_text(from_file)
    assert set(given.provenance.splits) == {"train", "val", "test"}


def test_other_rows_have_other_hashes(workspace: Workspace) -> None:
    rows = [{**row, "text": row["text"].upper()} for row in sentiment_rows()]
    assert compiled(workspace, rows).provenance.splits != compiled(workspace, "toy.jsonl").provenance.splits


def test_a_mapping_renames_the_columns_of_given_rows(workspace: Workspace) -> None:
    rows = [{"sentence": row["text"], "label": row["sentiment"], "idx": 7} for row in sentiment_rows()]
    given = compiled(workspace, rows, mapping={"sentence": "text", "label": "sentiment"})
    assert to_text(given) == to_text(compiled(workspace, "toy.jsonl"))


def test_given_rows_may_stand_in_for_the_tasks_own(workspace: Workspace) -> None:
    task = Task(WORDS, metric=label_accuracy, trainset="nowhere.jsonl")
    settings = Settings(budget="500calls", optimizer="labeled", trainset=Dataset(sentiment_rows()))
    found = compile_task(task, settings, workspace=workspace, model=student_model())
    assert to_text(found.program).replace(found.program.task, "") == to_text(compiled(workspace, "toy.jsonl")).replace(
        found.program.task, ""
    )


def test_no_rows_are_no_reason_to_take_others(workspace: Workspace) -> None:
    task = Task(WORDS, metric=label_accuracy, trainset="toy.jsonl")
    with pytest.raises(DataError, match="The trainset has no rows"):
        compile_task(task, Settings(trainset=[]), workspace=workspace, model=student_model())


def test_an_empty_text_compiles_if_it_is_allowed(workspace: Workspace) -> None:
    rows = [*sentiment_rows(), {"text": "", "sentiment": "positive"}]
    with pytest.raises(DataError, match="row 121 of the trainset: text is empty"):
        compiled(workspace, rows)
    assert compiled(workspace, rows, allow_empty=True).results.compiled.score > 0.5


def test_numbers_that_stand_for_labels_compile_to_the_same_bytes(workspace: Workspace) -> None:
    numbered = [{**row, "sentiment": int(row["sentiment"] == "positive")} for row in sentiment_rows()]
    labels = {0: "negative", 1: "positive"}
    assert to_text(compiled(workspace, numbered, labels=labels)) == to_text(compiled(workspace, "toy.jsonl"))


def test_a_sample_is_recorded_so_that_rows_for_fine_tuning_are_of_it(workspace: Workspace) -> None:
    settings = Settings(budget="500calls", optimizer="labeled", limit=100, sample=60, seed=5)
    task = Task(WORDS, metric=label_accuracy, trainset="toy.jsonl")
    program = compile_task(task, settings, workspace=workspace, model=student_model()).program
    assert (program.provenance.limit, program.provenance.sample) == (100, 60)
    rows = str(workspace.root / "trainsets" / "toy.jsonl")
    made = export(program, "sft", training=Training(rows=rows))
    drawn = Taken(100, 60, 5).of(row["text"] for row in sentiment_rows())
    used = [row["text"] for row in sentiment_rows() if row["text"] in made.text]
    assert used
    assert set(used) <= set(drawn)


# Programs


class Judge(dspy.Module):
    """Crashes on the rows that have a word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word
        self.judge = dspy.Predict(WORDS)

    def forward(self, text: str) -> dspy.Prediction:
        judged = self.judge(text=text)
        return dspy.Prediction(sentiment=judged.mood if self.word in text else judged.sentiment)


def judged(workspace: Workspace, word: str) -> FrozenProgram:
    task = Task(Judge(word), metric=label_accuracy, trainset="toy.jsonl")
    settings = Settings(budget="500calls", optimizer="labeled")
    model = ScriptedModel(lambda prompt, sampling: Completion(text=" positive"))
    return compile_task(task, settings, workspace=workspace, model=model).program


def test_a_program_that_crashes_on_every_row_ends_the_compile_with_the_place_and_the_row(workspace: Workspace) -> None:
    with pytest.raises(CompileError) as caught:
        judged(workspace, "The ")
    for part in (
        "on each of the first 16 rows",
        "AttributeError",
        "judged.mood if self.word in text",
        "toy.jsonl, line",
    ):
        assert part in str(caught.value)


def test_test_rows_that_crash_are_noted(workspace: Workspace) -> None:
    notes = judged(workspace, "soup").notes
    assert any("test rows got no answer and count as 0: row " in note and "toy.jsonl, line" in note for note in notes)


# Metrics


def out_of_ten(example: Any, prediction: Any, trace: object = None) -> float:
    return 9.0 if example.sentiment == prediction.sentiment else 1.0


def test_a_metric_of_ten_is_scored_from_0_to_1(workspace: Workspace) -> None:
    ours = compiled(workspace, "toy.jsonl").results
    theirs = compiled(workspace, "toy.jsonl", metric=out_of_ten, metric_range=(1, 9)).results
    assert theirs.metric == "out_of_ten"
    assert (theirs.compiled, theirs.baseline) == (ours.compiled, ours.baseline)


def test_a_metric_of_ten_that_is_not_declared_ends_the_compile_with_its_row(workspace: Workspace) -> None:
    with pytest.raises(
        MetricError, match=r"out_of_ten returned \d, which is outside the range 0 to 1, for row .*toy\.jsonl, line \d+"
    ):
        compiled(workspace, "toy.jsonl", metric=out_of_ten)
