"""Parquet files, and folders that Hugging Face's `datasets` saved."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.sampling import Taken
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field
from cribsheet.signature.types import Integer, Label, List, MappingType
from toys import QA, SENTIMENT

pa = pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")
parquet = pytest.importorskip("pyarrow.parquet")

CLASSES = {"sentiment": {"names": ["negative", "positive"], "_type": "ClassLabel"}}


def table(**columns: list[Any]) -> Any:
    return pa.table(columns or {"text": ["Superb.", "Dull."], "sentiment": ["positive", "negative"], "idx": [1, 2]})


def saved(folder: Path, found: Any, *, features: Any = None, **state: Any) -> Path:
    """Write a folder as `Dataset.save_to_disk` does."""
    folder.mkdir(parents=True)
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, found.schema) as out,
    ):
        out.write_table(found)
    files = [{"filename": "data-00000-of-00001.arrow"}]
    (folder / "state.json").write_text(json.dumps({"_data_files": files, **state}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or {}}))
    return folder


def values(rows: Any) -> list[Any]:
    return [tuple(row.values.values()) for row in rows]


def test_a_parquet_file_is_a_table(tmp_path: Path) -> None:
    parquet.write_table(table(), tmp_path / "x.parquet")
    rows = load_rows(tmp_path / "x.parquet", SENTIMENT)
    assert values(rows) == [("Superb.", "positive"), ("Dull.", "negative")]
    assert rows[1].where == f"{tmp_path / 'x.parquet'}, row 2"


def test_columns_of_a_parquet_file_are_renamed_by_a_mapping(tmp_path: Path) -> None:
    parquet.write_table(table(sentence=["Superb."], label=["positive"]), tmp_path / "x.parquet")
    rows = load_rows(tmp_path / "x.parquet", SENTIMENT, mapping={"sentence": "text", "label": "sentiment"})
    assert values(rows) == [("Superb.", "positive")]


def test_class_names_that_the_hub_stores_in_a_parquet_file_are_used(tmp_path: Path) -> None:
    stored = table(text=["Superb.", "Dull."], sentiment=[1, 0])
    stored = stored.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": CLASSES}})})
    parquet.write_table(stored, tmp_path / "x.parquet")
    assert values(load_rows(tmp_path / "x.parquet", SENTIMENT)) == [("Superb.", "positive"), ("Dull.", "negative")]


def test_class_names_of_a_list_that_the_hub_stores_are_used(tmp_path: Path) -> None:
    features = {"moods": {"feature": CLASSES["sentiment"], "_type": "Sequence"}}
    stored = table(text=["Superb, if dull.", "Hm."], moods=[[1, 0], []])
    stored = stored.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(stored, tmp_path / "x.parquet")
    moods = Field(name="moods", type=List(item=Label(labels=("negative", "positive"))))
    signature = SENTIMENT.model_copy(update={"outputs": (moods,)})
    assert values(load_rows(tmp_path / "x.parquet", signature)) == [
        ("Superb, if dull.", ["positive", "negative"]),
        ("Hm.", []),
    ]


def test_a_map_is_a_dict_and_may_not_have_a_key_twice(tmp_path: Path) -> None:
    counts = Field(name="counts", type=MappingType(item=Integer()))
    signature = SENTIMENT.model_copy(update={"outputs": (counts,)})
    kind = pa.map_(pa.string(), pa.int64())
    for pairs, path in (([("a", 1), ("b", 2)], tmp_path / "x.parquet"), ([("a", 1), ("a", 2)], tmp_path / "y.parquet")):
        parquet.write_table(pa.table({"text": ["Superb."], "counts": pa.array([pairs], kind)}), path)
    assert values(load_rows(tmp_path / "x.parquet", signature)) == [("Superb.", {"a": 1, "b": 2})]
    with pytest.raises(DataError, match=r"y\.parquet cannot be read: .*duplicate key"):
        load_rows(tmp_path / "y.parquet", signature)


def test_answers_in_the_form_of_the_hub_and_lists_are_read(tmp_path: Path) -> None:
    answers = [{"text": ["Rovers", "the Rovers"], "answer_start": [0, 0]}, {"text": [], "answer_start": []}]
    stored = table(question=["Who won?", "Who lost?"], context=["Rovers won.", "It rained."], answers=answers)
    parquet.write_table(stored, tmp_path / "x.parquet")
    rows = load_rows(tmp_path / "x.parquet", QA)
    assert [row.outputs["answer"] for row in rows] == [("Rovers", "the Rovers"), (Unanswerable(),)]


@pytest.mark.parametrize("kind", ["parquet", "folder"])
def test_a_file_without_the_columns_is_refused_with_the_columns_that_it_has(tmp_path: Path, kind: str) -> None:
    stored = table(sentence=["Superb and more."], label=["positive"])
    if kind == "parquet":
        parquet.write_table(stored, path := tmp_path / "x.parquet")
    else:
        path = saved(tmp_path / "rows", stored)
    with pytest.raises(DataError) as caught:
        load_rows(path, SENTIMENT)
    assert "row 1: no field 'text'; it has sentence, label." in str(caught.value)
    assert "--map sentence=text,label=sentiment" in str(caught.value)
    assert "header" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"text,sentiment\nA,positive\n"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.parquet cannot be read: .*Write it again, or export it as JSONL"):
        load_rows(tmp_path / "x.parquet", SENTIMENT)


def test_a_missing_value_names_its_row(tmp_path: Path) -> None:
    parquet.write_table(table(text=["Superb.", None], sentiment=["positive", "negative"]), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=r"x\.parquet, row 2: text"):
        load_rows(tmp_path / "x.parquet", SENTIMENT)


def test_rows_beyond_the_limit_are_not_read(tmp_path: Path) -> None:
    parquet.write_table(table(text=["a", "b", None], sentiment=["positive"] * 3), tmp_path / "x.parquet")
    assert len(load_rows(tmp_path / "x.parquet", SENTIMENT, taken=Taken(limit=2))) == 2


def test_a_folder_that_datasets_saved_is_read_with_its_class_names(tmp_path: Path) -> None:
    folder = saved(tmp_path / "rows", table(text=["Superb.", "Dull."], sentiment=[1, 0]), features=CLASSES)
    assert values(load_rows(folder, SENTIMENT)) == [("Superb.", "positive"), ("Dull.", "negative")]


def test_of_several_splits_one_has_to_be_named_and_an_only_one_is_taken(tmp_path: Path) -> None:
    for name in ("train", "test"):
        saved(tmp_path / "rows" / name, table())
    splits = tmp_path / "rows" / "dataset_dict.json"
    splits.write_text('{"splits": ["train", "test"]}')
    with pytest.raises(DataError) as caught:
        load_rows(tmp_path / "rows", SENTIMENT)
    assert f"holds several splits. Name one of these folders: {tmp_path / 'rows' / 'train'}" in str(caught.value)
    splits.write_text('{"splits": ["train"]}')
    assert len(load_rows(tmp_path / "rows", SENTIMENT)) == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "state.json").unlink(), "without rows that `datasets` saved. Name one of its files"),
        (lambda folder: (folder / "state.json").write_text("[]"), "does not hold the JSON object"),
        (lambda folder: (folder / "data-00000-of-00001.arrow").unlink(), "There is no file"),
        (lambda folder: (folder / "data-00000-of-00001.arrow").write_bytes(b"PK"), "cannot be read"),
        (
            lambda folder: (folder / "state.json").write_text('{"_indices_files": [{"filename": "i.arrow"}]}'),
            "flatten_indices",
        ),
    ],
)
def test_a_damaged_folder_is_refused(tmp_path: Path, damage: Any, message: str) -> None:
    damage(saved(tmp_path / "rows", table()))
    with pytest.raises(DataError, match=message):
        load_rows(tmp_path / "rows", SENTIMENT)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this one is empty"):
        load_rows(tmp_path, SENTIMENT)


@pytest.mark.parametrize("name", ["x.parquet", "rows"])
def test_without_pyarrow_the_error_names_the_extra(tmp_path: Path, name: str) -> None:
    parquet.write_table(table(), tmp_path / "x.parquet")
    saved(tmp_path / "rows", table())
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from cribsheet.dataset.rows import load_rows\n"
        "from cribsheet.signature import Field, Signature\n"
        "fields = (Field(name='text'),), (Field(name='sentiment'),)\n"
        "signature = Signature(name='S', instructions='', inputs=fields[0], outputs=fields[1])\n"
        f"load_rows({str(tmp_path / name)!r}, signature)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is read with the package pyarrow, which cannot be imported" in done.stderr
    assert "pip install 'cribsheet[parquet]'" in done.stderr


def test_a_folder_of_datasets_itself_is_read(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the package datasets is not installed")
    datasets.disable_progress_bars()
    rows = datasets.Dataset.from_dict({"text": [f"row {at}" for at in range(9)], "sentiment": [0, 1, 1] * 3})
    rows = rows.cast_column("sentiment", datasets.ClassLabel(names=["negative", "positive"]))
    rows.shuffle(seed=1).save_to_disk(tmp_path / "rows", num_shards=2)
    shuffled = [(row["text"], ["negative", "positive"][row["sentiment"]]) for row in islice(rows.shuffle(seed=1), 9)]
    assert values(load_rows(tmp_path / "rows", SENTIMENT)) == shuffled
