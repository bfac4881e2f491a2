"""A path may be a string or any path-like object."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import cribsheet
from cribsheet import Settings, Task, compile_task, label_accuracy
from cribsheet.dataset.traces import Trace, read_traces, write_traces
from cribsheet.frozen import read, reseal, save
from cribsheet.models import weights
from cribsheet.models.cache import CompletionCache
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.workspace import find_workspace, new_workspace
from export_cases import program_of
from frozen_toys import toy_prompt
from toys import SENTIMENT, sentiment_rows, student_model, write_rows

TRACE = Trace(
    row="r",
    predictor="predict",
    inputs={"text": "x"},
    outputs={"sentiment": "positive"},
    teacher="t",
    score=1,
    sample=0,
)


class Pathlike:
    """A path that is neither text nor a `Path`."""

    def __init__(self, path: Path):
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


@pytest.mark.parametrize("kind", [str, Path, Pathlike])
def test_every_public_function_that_takes_a_path_takes_any(
    tmp_path: Path, kind: Callable[[Path], os.PathLike[str]]
) -> None:
    made = new_workspace(kind(tmp_path / "ws"))
    assert find_workspace(kind(made.root / "programs")) == made
    trainset = kind(write_rows(made.root / "rows.jsonl", sentiment_rows()))
    assert len(cribsheet.load_rows(trainset, SENTIMENT)) == 120
    assert made.trainset(trainset) == made.root / "rows.jsonl"
    file = kind(tmp_path / "x.prompt.json")
    save(program_of(toy_prompt()), file)
    assert read(file) == reseal(file) == cribsheet.load(file).frozen
    traces = kind(tmp_path / "x.traces.jsonl")
    write_traces(traces, [TRACE])
    assert read_traces(traces, {"predict": SENTIMENT}) == (TRACE,)
    assert CompletionCache(kind(tmp_path / "cache")).stats().entries == 0


@pytest.mark.parametrize("kind", [str, Path, Pathlike])
def test_weights_are_found_by_any_path(tmp_path: Path, kind: Callable[[Path], os.PathLike[str]]) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(b"GGUF" + bytes(60))
    weights.check_is_gguf(kind(file))
    pulled = weights.pull(kind(file), directory=kind(tmp_path / "models"))
    assert weights.locate("mine", directory=kind(tmp_path / "models")) == pulled
    assert [found.path for found in weights.on_disk(kind(tmp_path / "models"))] == [pulled]
    assert EmbeddedModel("embedded/mine", path=kind(file)).digest == weights.digest(file)


@pytest.mark.parametrize("kind", [str, Path, Pathlike])
def test_a_compile_takes_any_path(tmp_path: Path, kind: Callable[[Path], os.PathLike[str]]) -> None:
    workspace = new_workspace(tmp_path / "ws")
    trainset = kind(write_rows(tmp_path / "rows.jsonl", sentiment_rows()))
    task = Task("text -> sentiment: Literal['negative', 'positive']", metric=label_accuracy, trainset=trainset)
    options = Settings(budget="300calls", optimizer="zero_shot", traces=kind(tmp_path / "t.jsonl"))
    found = compile_task(task, options, workspace=workspace, model=student_model())
    assert found.program.results.compiled.n > 0
