"""Parquet files of a folder from the Hugging Face Hub, in which a split is several files."""

from pathlib import Path
from typing import Any

import pytest

from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from toys import SENTIMENT

pa = pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")
parquet = pytest.importorskip("pyarrow.parquet")


def write(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table({"text": [name, f"{name} again"], "sentiment": ["positive", "negative"]}), path)
    return folder


def texts(path: Path) -> list[Any]:
    return [row.inputs["text"] for row in load_rows(path, SENTIMENT)]


TRAIN = ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet")
BOTH = [TRAIN[0], f"{TRAIN[0]} again", TRAIN[1], f"{TRAIN[1]} again"]
TEST = "data/test-00000-of-00001.parquet"


@pytest.mark.parametrize("within", ["", "data"])
def test_the_files_of_an_only_split_are_read_in_order(tmp_path: Path, within: str) -> None:
    folder = write(tmp_path / "hub", *reversed(TRAIN))
    (folder / "README.md").write_text("About these rows.")
    assert texts(folder / within) == BOTH


@pytest.mark.parametrize("name", ["data/train", "train"])
def test_of_several_splits_the_named_one_is_read(tmp_path: Path, name: str) -> None:
    assert texts(write(tmp_path / "hub", *TRAIN, TEST) / name) == BOTH


@pytest.mark.parametrize("within", ["", "data"])
def test_several_splits_are_refused_with_the_names_to_give(tmp_path: Path, within: str) -> None:
    folder = write(tmp_path / "hub", *TRAIN, TEST) / within
    with pytest.raises(DataError) as caught:
        texts(folder)
    data = tmp_path / "hub" / "data"
    assert f"{folder} holds several splits. Name one of them: {data / 'test'}, {data / 'train'}." in str(caught.value)


def test_one_file_can_be_named_alone(tmp_path: Path) -> None:
    assert texts(write(tmp_path / "hub", *TRAIN, TEST) / TRAIN[1]) == BOTH[2:]


@pytest.mark.parametrize("layout", ["default/train/{}.parquet", "{}.parquet"])
def test_the_hubs_own_copies_and_single_files_are_splits_too(tmp_path: Path, layout: str) -> None:
    if "train" in layout:
        names = [layout.format("0000"), layout.format("0001")]
        folder, split = write(tmp_path / "hub", *names, "default/test/0000.parquet"), "train"
    else:
        names = [layout.format("train")]
        folder, split = write(tmp_path / "hub", *names, layout.format("test")), "train"
    assert texts(folder / split)[::2] == names


def test_a_split_of_two_configurations_is_refused_with_both(tmp_path: Path) -> None:
    folder = write(tmp_path / "hub", "en/train-00000-of-00001.parquet", "zh/train-00000-of-00001.parquet")
    with pytest.raises(DataError, match=r"several splits.*en/train, .*zh/train"):
        texts(folder / "train")
    assert len(texts(folder / "zh")) == 2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (TRAIN[:1], r"data/train has 2 files, of which 1 is missing: number 1, counted from 0\. Download"),
        (TRAIN[1:], r"of which 1 is missing: number 0"),
        (("default/train/0000.parquet", "default/train/0002.parquet"), r"of which 1 is missing: number 1"),
        ((*TRAIN, "data/train-00001-of-00003.parquet", "data/train-00002-of-00003.parquet"), "with the same number"),
    ],
)
def test_a_split_with_a_missing_file_is_refused_so_that_no_row_is_lost(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        texts(write(tmp_path / "hub", *names))


@pytest.mark.parametrize("name", ["validation", "data/validation", "x" * 300, "a\0b"])
def test_a_split_that_is_not_there_is_a_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"There is no file|cannot be read"):
        texts(write(tmp_path / "hub", *TRAIN, TEST) / name)
