"""Values that stand for labels, samples of many rows, packed files."""

import gzip

import pytest

from cribsheet.dataset import unpacking
from cribsheet.dataset.labels import parse_labels
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.sampling import Taken
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import Label, List
from toys import QA, SENTIMENT

ROWS = '{"text": "a", "sentiment": 0}\n{"text": "b", "sentiment": 1}\n'
BOTH = {0: "negative", 1: "positive"}


def labels_of(rows, name="sentiment"):
    return [row.outputs[name][0] for row in rows]


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        ("x.jsonl", ROWS, BOTH),
        ("x.jsonl", ROWS, {"0": "negative", "1": "positive"}),
        ("x.jsonl", ROWS.replace("0}", "0.0}").replace("1}", "1.0}"), BOTH),
        ("x.csv", "text,sentiment\na,0\nb, 1\n", BOTH),
        ("x.tsv", "text\tsentiment\na\tneg\nb\tpos\n", {"neg": "negative", "pos": "positive"}),
        ("x.json", f"[{ROWS.strip().replace(chr(10), ',')}]", BOTH),
        ("x.jsonl", ROWS.replace("0}", "false}").replace("1}", "true}"), {"false": "negative", "true": "positive"}),
        ("x.jsonl", ROWS.replace("0}", '"negative"}'), {1: "positive"}),  # a label may also be written out
    ],
)
def test_a_value_is_read_as_the_label_that_it_stands_for(write, name, content, labels):
    assert labels_of(load_rows(write(name, content), SENTIMENT, labels=labels)) == ["negative", "positive"]


def test_a_named_value_wins_over_a_label_that_is_written_alike(write):
    stars = Signature(
        name="Stars",
        instructions="",
        inputs=(Field(name="text"),),
        outputs=(Field(name="stars", kind="label", labels=(1, 2, 3)),),
    )
    path = write("x.jsonl", '{"text": "a", "stars": 0}\n{"text": "b", "stars": 1}\n{"text": "c", "stars": 2}\n')
    assert labels_of(load_rows(path, stars, labels={0: "1", 1: "2", 2: "3"}), "stars") == [1, 2, 3]


def test_a_value_may_stand_for_an_abstention_and_a_truth_value(write):
    fields = (Field(name="fits", kind="boolean", abstains=True),)
    fits = Signature(name="Fits", instructions="", inputs=(Field(name="text"),), outputs=fields)
    path = write("x.csv", "text,fits\na,-1\nb,0\nc,1\n")
    found = labels_of(load_rows(path, fits, labels={-1: "unanswerable", 0: "false", 1: "true"}), "fits")
    assert found == [Unanswerable(), False, True]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "x.jsonl",
            '{"text": "a", "topics": [2, 0]}\n{"text": "b", "topics": []}\n{"text": "c", "topics": [[1], [0, 1]]}',
        ),
        ("x.csv", 'text,topics\na,"[2, 0]"\nb,[]\nc,"[1]"\n'),
    ],
)
def test_each_item_of_a_list_of_labels_is_read_as_the_label_that_it_stands_for(write, name, content):
    topics = Field(name="topics", type=List(item=Label(labels=(1, 2, 3)), unique=True))
    signature = SENTIMENT.model_copy(update={"outputs": (topics,)})
    rows = load_rows(write(name, content), signature, labels={0: "1", 1: "2", 2: "3"})
    assert labels_of(rows, "topics") == [[1, 3], [], [2]]


def test_a_value_without_a_name_is_refused_with_all_such_values(write):
    path = write("x.jsonl", ROWS + '{"text": "c", "sentiment": 2}\n')
    with pytest.raises(DataError, match=r"line 3: sentiment must be one of negative, positive but got 2"):
        load_rows(path, SENTIMENT, labels=BOTH)


def test_a_text_is_never_replaced(write):
    path = write("x.jsonl", '{"text": "0", "sentiment": 0}\n{"text": "1", "sentiment": 1}\n')
    assert [row.values["text"] for row in load_rows(path, SENTIMENT, labels=BOTH)] == ["0", "1"]


@pytest.mark.parametrize("text", ["0", "0=", "=negative", "0=negative,0=positive"])
def test_pairs_that_cannot_be_read_are_refused(text):
    with pytest.raises(DataError, match="Write value=label pairs"):
        parse_labels(text)


@pytest.mark.parametrize(
    ("signature", "hint"), [(SENTIMENT, "sentiment: negative, positive"), (QA, "It has no labels")]
)
def test_a_label_that_no_field_has_is_refused(write, signature, hint):
    with pytest.raises(DataError, match=rf"is to stand for 'good', which is no label.*{hint}"):
        load_rows(write("x.jsonl", ROWS), signature, labels={1: "good"})


# Samples


def test_a_limit_reads_no_further(write):
    path = write("x.jsonl", ROWS.replace("0}", '"negative"}') + "not JSON\n")
    assert len(load_rows(path, SENTIMENT, taken=Taken(limit=1))) == 1


def test_a_sample_keeps_the_order_and_depends_on_the_seed_alone():
    drawn = Taken(sample=40, seed=3).of(range(100))
    assert drawn == sorted(set(drawn)) == Taken(sample=40, seed=3).of(iter(range(100)))
    assert drawn != Taken(sample=40, seed=4).of(range(100))
    assert Taken(limit=10, sample=40).of(range(100)) == list(range(10))
    assert set(Taken(limit=50, sample=10).of(range(100))) <= set(range(50))


# Packed files


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.JSONL.GZ", "x.csv.gz"])
def test_a_packed_file_is_read_by_the_ending_before(write, name):
    content = "text,sentiment\na,0\nb,1\n" if "csv" in name else ROWS
    assert len(load_rows(write(name, gzip.compress(content.encode(), mtime=0)), SENTIMENT, labels=BOTH)) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl.gz", gzip.compress(ROWS.encode(), mtime=0)[:-9], "cannot be unpacked: .*Pack it again"),
        ("x.jsonl.gz", ROWS.encode(), "cannot be unpacked: Not a gzipped file"),
        ("x.jsonl.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("x.gz", gzip.compress(ROWS.encode(), mtime=0), r"has the extension '\.gz', which is not a known format"),
        ("x.parquet.gz", gzip.compress(b"PAR1", mtime=0), "is a Parquet file, not text"),
        ("x.xlsx", b"PK\x03\x04", "In Excel, save it as CSV UTF-8"),
    ],
)
def test_a_packed_file_that_cannot_be_read_is_refused(write, name, content, message):
    with pytest.raises(DataError, match=message):
        load_rows(write(name, content), SENTIMENT)


def test_a_file_that_unpacks_to_more_than_memory_holds_is_refused(write, monkeypatch):
    assert unpacking.MOST == 1 << 30
    monkeypatch.setattr(unpacking, "MOST", 1_000_000)
    path = write("x.jsonl.gz", gzip.compress(b"\n" * 1_000_001, mtime=0))
    with pytest.raises(DataError, match="unpacks to more than 1,000,000 bytes"):
        load_rows(path, SENTIMENT)
