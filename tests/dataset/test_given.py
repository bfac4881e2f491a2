"""Rows that code gives: lists of dicts, dspy examples, datasets."""

from collections.abc import Iterator
from enum import Enum
from types import SimpleNamespace
from typing import Any

import dspy
import numpy as np
import pytest
from pydantic import BaseModel, computed_field

from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import Integer, Label, List, Member, Record
from row_cases import ORDER, jsonl
from toys import QA, SENTIMENT

ROWS = [{"text": "It was fine.", "sentiment": "positive"}, {"text": "It was dull.", "sentiment": "negative"}]


class ClassLabel:
    """The names of classes, as `datasets` has them."""

    def __init__(self, *names: str):
        self.names = list(names)


class Dataset:
    """Rows by columns, read as those of `datasets` are: by number, as dicts, with what is known of the columns."""

    def __init__(self, columns: dict[str, list[Any]], features: dict[str, object] | None = None):
        self._columns = columns
        self.features = features or dict.fromkeys(columns)
        self.column_names = list(columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {name: values[number] for name, values in self._columns.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[number] for number in range(len(self)))


class ByNumber:
    """Rows that are had by number alone, as those of torch are."""

    def __getitem__(self, number: int) -> dict[str, str]:
        return ROWS[number]


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        tuple(ROWS),
        [dspy.Example(**row).with_inputs("text") for row in ROWS],
        [dspy.Example(**row, source="web") for row in ROWS],
        Dataset(
            {"text": [row["text"] for row in ROWS], "sentiment": [row["sentiment"] for row in ROWS], "idx": [1, 2]}
        ),
        ByNumber(),
        [{**row, "sentiment": np.str_(row["sentiment"])} for row in ROWS],
    ],
    ids=["dicts", "tuple", "examples", "examples with more", "dataset", "by number", "numpy"],
)
def test_rows_are_those_of_a_file_with_the_same_content(write, rows):
    from_file = load_rows(write("x.jsonl", jsonl(*ROWS)), SENTIMENT)
    given = load_rows(rows, SENTIMENT)
    assert given == from_file
    assert [row.id for row in given] == [row.id for row in from_file]
    assert [row.group for row in given] == [row.group for row in from_file]
    assert [row.where for row in given] == ["row 1 of the trainset", "row 2 of the trainset"]


class Mood(Enum):
    HIGH = "positive"
    LOW = "negative"


def test_values_of_python_and_numpy_become_those_of_json():
    rows = [{"text": "Two.", "urgent": np.bool_(True), "pieces": np.int64(2), "price": np.float32(3.5)}]
    assert load_rows(rows, ORDER)[0].values == {"text": "Two.", "urgent": True, "pieces": 2, "price": 3.5}
    assert load_rows([{"text": "Fine.", "sentiment": Mood.HIGH}], SENTIMENT)[0].values["sentiment"] == "positive"
    answers = [
        ["Rovers"],
        ("Rovers",),
        np.array(["Rovers"]),
        {"text": np.array(["Rovers"]), "answer_start": np.array([0])},
    ]
    rows = [{"question": "Who?", "context": "C.", "answer": answer} for answer in (*answers, Unanswerable(reason="no"))]
    found = [row.outputs["answer"] for row in load_rows(rows, QA)]
    assert found == [("Rovers",)] * 4 + [(Unanswerable(reason="no"),)]


def test_the_numbers_of_classes_become_their_names():
    names = ClassLabel("negative", "positive")
    rows = Dataset({"sentence": ["Fine.", "Dull."], "label": [1, 0]}, {"sentence": None, "label": names})
    found = load_rows(rows, SENTIMENT, mapping={"sentence": "text", "label": "sentiment"})
    assert [row.values["sentiment"] for row in found] == ["positive", "negative"]


def test_the_numbers_of_classes_in_a_list_become_their_names():
    kind = SimpleNamespace(feature=ClassLabel("negative", "positive"))  # as a `Sequence` of `datasets` has them
    moods = Field(name="moods", type=List(item=Label(labels=("negative", "positive"))))
    rows = Dataset({"text": ["Fine, but dull."], "moods": [[1, 0]]}, {"text": None, "moods": kind})
    signature = SENTIMENT.model_copy(update={"outputs": (moods,)})
    assert load_rows(rows, signature)[0].outputs == {"moods": (["positive", "negative"],)}


@pytest.mark.parametrize(
    ("names", "label", "message"),
    [
        (("neg", "pos"), 1, "sentiment must be one of negative, positive but got 'pos'"),
        (("negative", "positive"), -1, "sentiment must be one of negative, positive but got -1"),
        (("negative", "positive"), 2, "sentiment must be one of negative, positive but got 2"),
    ],
)
def test_a_number_of_no_class_is_refused(names, label, message):
    rows = Dataset({"text": ["Fine."], "sentiment": [label]}, {"sentiment": ClassLabel(*names)})
    with pytest.raises(DataError, match=f"row 1 of the trainset: {message}"):
        load_rows(rows, SENTIMENT)


@pytest.mark.parametrize("row", [{"text": float("nan"), "sentiment": "positive"}, {**ROWS[0], "sentiment": np.nan}])
def test_an_empty_cell_of_pandas_is_called_one(row):
    with pytest.raises(DataError, match="NaN is how pandas writes an empty cell"):
        load_rows([row], SENTIMENT)


class Broken:
    """Gives one row, then fails."""

    def __iter__(self) -> Iterator[dict[str, str]]:
        yield ROWS[0]
        raise OSError("the disk is gone")


class Unreachable:
    """Fails before its first row, as a streamed dataset does without a network."""

    def __iter__(self) -> Iterator[dict[str, str]]:
        raise OSError("no network")


class Stopped(BaseException):
    """Not one of Python's usual exceptions."""


class Unspoken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Unshown:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


class Row(dict[str, Any]):
    """A row whose values raise an exception."""

    def __init__(self, error: BaseException):
        super().__init__(ROWS[0])
        self.error = error

    def __getitem__(self, name: str) -> Any:
        raise self.error


class Features(Dataset):
    @property
    def features(self) -> dict[str, object]:
        raise OSError("no network")

    @features.setter
    def features(self, value: object) -> None:
        pass


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (Unreachable(), "The trainset cannot be read: OSError: no network. Correct the object that yields the rows."),
        ([Row(Stopped("now"))], "row 1 of the trainset cannot be read: Stopped: now. Correct"),
        ([Row(StopIteration())], "row 1 of the trainset cannot be read: StopIteration: . Correct"),
        ([Row(Unspoken())], "cannot be read: Unspoken, whose message cannot be shown: its __str__ raised RuntimeError"),
        (
            [{"text": Unshown(), "sentiment": "positive"}],
            "row 1 of the trainset cannot be read: RuntimeError: no words",
        ),
        ([Unshown()], "row 1 of the trainset cannot be read: RuntimeError: no words"),
        (Unshown(), "The trainset cannot be read: RuntimeError: no words"),
        (Features({"text": ["a"], "sentiment": ["positive"]}), "`features`, cannot be read: OSError: no network"),
    ],
)
def test_whatever_the_rows_raise_is_one_message(rows, message):
    with pytest.raises(DataError) as caught:
        load_rows(rows, SENTIMENT)
    assert message in str(caught.value)


def test_ctrl_c_while_rows_are_read_is_not_taken_for_their_fault():
    with pytest.raises(KeyboardInterrupt):
        load_rows([Row(KeyboardInterrupt())], SENTIMENT)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            {"train": ROWS, "test": ROWS},
            "The trainset is a dict with the keys 'train', 'test', not a list of rows. Give one of its values",
        ),
        (iter(ROWS), "The trainset is a list_iterator, which can be read only once. Put its rows into a list."),
        ((row for row in ROWS), "The trainset is a generator, which can be read only once"),
        (17, "The trainset is 17, which cannot be iterated over. Give a list of dicts, a list of dspy.Example"),
        ([], "The trainset has no rows. Add some"),
        ([*ROWS, "text"], "row 3 of the trainset: 'text' is not a mapping of columns to values. Give a list of dicts"),
        (
            Broken(),
            "row 2 of the trainset cannot be read: OSError: the disk is gone. Correct the object that yields the rows.",
        ),
        (
            [{"text": 10**5000, "sentiment": "positive"}],
            "row 1 of the trainset cannot be read: ValueError: an integer of",
        ),
        ([{"text": "a", " text": "b", "sentiment": "positive"}], "have the same name. Keep one of them"),
        ([{"text": "", "sentiment": "positive"}], "row 1 of the trainset: text is empty"),
        ([{"text": "\ud800", "sentiment": "positive"}], "row 1 of the trainset: text has half of a surrogate pair"),
    ],
)
def test_what_holds_no_rows_is_said_with_what_to_give(rows, message):
    with pytest.raises(DataError) as caught:
        load_rows(rows, SENTIMENT)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "methods", "mend"),
    [
        ("Series", ["iloc", "to_dict", "to_frame"], r"\.tolist\(\)"),
        ("DataFrame", ["to_dicts", "columns"], r"\.to_dicts\(\)"),
        ("LazyFrame", ["collect_schema"], r"\.collect\(\)\.to_dicts\(\)"),
        ("Table", ["to_pylist", "columns"], r"\.to_pylist\(\)"),
    ],
)
def test_a_table_of_each_package_is_told_how_to_give_its_rows(kind: str, methods: list[str], mend: str) -> None:
    table = type(kind, (), {**dict.fromkeys(methods), "__iter__": lambda self: iter("ab")})()
    with pytest.raises(DataError, match=rf"is a {kind}, .* Give its {mend}\."):
        load_rows(table, SENTIMENT)


def test_a_dataset_whose_rows_are_tables_is_told_how_to_give_dicts() -> None:
    row = type("DataFrame", (), {"iloc": None, "to_dict": None, "columns": ["text"], "keys": lambda self: ["text"]})()
    with pytest.raises(DataError, match=r"it is a DataFrame, not a mapping .* \.with_format\(None\)"):
        load_rows([row], SENTIMENT)


def test_columns_are_not_taken_for_splits() -> None:
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    with pytest.raises(DataError, match=r"is a dict of columns, .* Give a list of dicts"):
        load_rows(columns, SENTIMENT)
    with pytest.raises(DataError, match=r"with the keys 'train'.* Give one of its values"):
        load_rows({"train": ROWS}, SENTIMENT)


def test_a_frame_is_told_how_to_give_its_rows():
    frame = type(
        "DataFrame", (), {"iloc": None, "to_dict": lambda self, orient: ROWS, "__iter__": lambda self: iter("ab")}
    )
    with pytest.raises(DataError, match=r'is a DataFrame, .* Give its \.to_dict\("records"\)\.'):
        load_rows(frame(), SENTIMENT)


@pytest.mark.parametrize("name", ["Text", " TEXT", "\u200btext", "te\u00adxt", "\u2060Text"])
def test_columns_that_look_the_same_are_refused(write, name):
    row = {"text": "a", name: "b", "sentiment": "positive"}
    for rows in ([row], write("x.csv", f"text,{name},sentiment\na,b,positive\n")):
        with pytest.raises(
            DataError, match=r"have the same name|two are the same|differ in case alone|names 'text' twice"
        ):
            load_rows(rows, SENTIMENT)


def test_a_mapping_says_which_column_from_code_is_meant():
    rows = [{"text": "a", "Text": "b", "label": "positive", "LABEL": 3}]
    (row,) = load_rows(rows, SENTIMENT, mapping={"Text": "text", "label": "sentiment"})
    assert row.values == {"text": "b", "sentiment": "positive"}


def test_a_name_with_characters_that_show_nothing_is_read_without_them(write):
    (row,) = load_rows(write("x.csv", "\u200btext,sentiment\na,positive\n"), SENTIMENT)
    assert row.inputs == {"text": "a"}


class Box(BaseModel):
    count: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def is_full(self) -> bool:
        return self.count == 6


def test_a_computed_field_of_a_pydantic_model_is_no_part_of_a_row() -> None:
    boxes = Signature(
        name="Boxes",
        instructions="",
        inputs=(Field(name="text"),),
        outputs=(Field(name="box", type=Record(members=(Member(name="count", type=Integer()),))),),
    )
    (row,) = load_rows([dspy.Example(text="Six.", box=Box(count=6))], boxes)
    assert row.outputs == {"box": ({"count": 6},)}
