"""Rows from files: what is read, and what is said about what cannot be."""

import json
import re
from pathlib import Path

import pytest

from cribsheet.dataset.rows import load_rows, parse_mapping
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the public data is not in ../shared/data")

SENTIMENT = Signature(
    name="Sentiment",
    instructions="Tell the sentiment.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="sentiment", kind="label", labels=("negative", "positive")),),
)
QA = Signature(
    name="GroundedQA",
    instructions="Answer from the context.",
    inputs=(Field(name="question"), Field(name="context")),
    outputs=(Field(name="answer", abstains=True),),
)
ORDER = Signature(
    name="Order",
    instructions="Read the order.",
    inputs=(Field(name="text"), Field(name="urgent", kind="boolean")),
    outputs=(Field(name="pieces", kind="integer"), Field(name="price", kind="number")),
)


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def jsonl(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def squad(*items, context="Rome is in Italy."):
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": list(items)}]}]})


# JSONL


def test_jsonl_rows_are_typed_by_the_signature(write):
    path = write("x.jsonl", jsonl({"text": "2 for 3.50", "urgent": True, "pieces": 2, "price": 3.5}))
    [row] = load_rows(path, ORDER)
    assert dict(row.inputs) == {"text": "2 for 3.50", "urgent": True}
    assert dict(row.outputs) == {"pieces": (2,), "price": (3.5,)}


def test_of_the_accepted_answers_the_shortest_comes_first_and_copies_are_dropped(write):
    answers = ["the diarist Anne Frank", "Frank", "Anne Frank", "Frank"]
    [row] = load_rows(write("x.jsonl", jsonl({"question": "q", "context": "c", "answer": answers})), QA)
    assert row.outputs["answer"] == ("Frank", "Anne Frank", "the diarist Anne Frank")


@pytest.mark.parametrize("reason", ["off topic", None])
def test_an_unanswerable_row_keeps_its_reason(write, reason):
    row = {"question": "q", "context": "c", "answer": {"unanswerable": reason}}
    [row] = load_rows(write("x.jsonl", jsonl(row)), QA)
    assert row.values["answer"] == Unanswerable(reason=reason)


def test_a_field_of_the_signature_may_be_called_group(write):
    signature = SENTIMENT.model_copy(update={"inputs": (Field(name="group"),)})
    [row] = load_rows(write("x.jsonl", jsonl({"group": "a", "sentiment": "positive"})), signature)
    assert dict(row.inputs) == {"group": "a"}
    assert row.group == row.id


def test_blank_lines_windows_line_ends_a_byte_order_mark_and_line_separators_in_text_are_fine(write):
    line = json.dumps({"text": "a\u2028b\u0085c", "sentiment": "positive"}, ensure_ascii=False)
    path = write("x.JSONL", f"\ufeff{line}\r\n\r\n\n{line}")
    assert [row.values["text"] for row in load_rows(path, SENTIMENT)] == ["a\u2028b\u0085c"] * 2


def test_rows_come_in_file_order_and_copies_are_kept(write):
    path = write("x.jsonl", jsonl(*({"text": text, "sentiment": "positive"} for text in "bab")))
    assert [row.values["text"] for row in load_rows(path, SENTIMENT)] == ["b", "a", "b"]


# Groups


def test_a_given_group_is_kept_and_a_number_serves_too(write):
    rows = [{"text": text, "sentiment": "positive", "group": group} for text, group in (("a", "g"), ("b", 0))]
    assert [row.group for row in load_rows(write("x.jsonl", jsonl(*rows)), SENTIMENT)] == ["g", "0"]


def test_rows_that_share_the_longest_input_share_a_group(write):
    rows = [{"question": q, "context": c * 9, "answer": "x"} for q, c in (("1", "c"), ("2", "c"), ("1", "d"))]
    groups = [row.group for row in load_rows(write("x.jsonl", jsonl(*rows)), QA)]
    assert groups[0] == groups[1] != groups[2]


def test_rows_that_share_nothing_are_groups_of_their_own(write):
    rows = load_rows(write("x.jsonl", jsonl(*({"text": t, "sentiment": "positive"} for t in "ab"))), SENTIMENT)
    assert [row.group for row in rows] == [row.id for row in rows]


# CSV


def test_csv_cells_are_typed_and_columns_that_no_field_needs_are_ignored(write):
    path = write("x.csv", '\ufeffid, text ,urgent,pieces,price\r\n7,"2, or\r\n""two""",True,2,3.5\r\n')
    [row] = load_rows(path, ORDER)
    assert dict(row.inputs) == {"text": '2, or\r\n"two"', "urgent": True}
    assert dict(row.outputs) == {"pieces": (2,), "price": (3.5,)}


def test_a_csv_cell_may_say_unanswerable_as_jsonl_does(write):
    path = write("x.csv", 'question,context,answer\nq,c,"{""unanswerable"": ""off topic""}"\nq,d,{}\n')
    answers = [row.values["answer"] for row in load_rows(path, QA)]
    assert answers == [Unanswerable(reason="off topic"), "{}"]


def test_a_long_cell_is_read(write):
    [row] = load_rows(write("x.csv", f"text,sentiment\n{'x' * 300_000},positive\n"), SENTIMENT)
    assert len(row.values["text"]) == 300_000


# SQuAD


def test_squad_questions_become_rows_grouped_by_paragraph(write):
    text = squad(
        {"question": "Where is Rome?", "id": "1", "answers": [{"text": "in Italy"}, {"text": "Italy"}] * 2},
        {"question": "Where is Oslo?", "id": "2", "answers": [], "is_impossible": True},
    )
    first, second = load_rows(write("x.json", text), QA)
    assert first.outputs["answer"] == ("Italy", "in Italy")
    assert second.outputs["answer"] == (Unanswerable(),)
    assert first.group == second.group


def test_squad_columns_can_be_renamed(write):
    signature = Signature(
        name="Find",
        instructions="Find it.",
        inputs=(Field(name="query"), Field(name="passage")),
        outputs=(Field(name="found"),),
    )
    text = squad({"question": "Where?", "answers": [{"text": "Italy", "answer_start": 11}]})
    mapping = {"question": "query", "context": "passage", "answer": "found"}
    [row] = load_rows(write("x.json", text), signature, mapping=mapping)
    assert tuple(row.values.values()) == ("Where?", "Rome is in Italy.", "Italy")


# --map


def test_a_mapping_renames_columns(write):
    path = write("x.csv", "text,sentence,label\nold,new,positive\n")
    [row] = load_rows(path, SENTIMENT, mapping=parse_mapping("sentence=text,label=sentiment"))
    assert (row.values["text"], row.values["sentiment"]) == ("new", "positive")


def test_a_mapping_may_swap_columns_and_name_the_group(write):
    path = write("x.csv", "context,question,answer,title\nq,c,a,Rome\n")
    mapping = parse_mapping("context=question, question=context, title=group")
    [row] = load_rows(path, QA, mapping=mapping)
    assert (row.values["question"], row.values["context"], row.group) == ("q", "c", "Rome")


def test_a_column_whose_name_has_an_equals_sign_can_be_mapped():
    assert parse_mapping("a=b=text") == {"a=b": "text"}


@pytest.mark.parametrize("text", ["sentence", "=text", "sentence=", "a=text,a=label", "a=b,c"])
def test_a_malformed_mapping_is_refused_with_an_example(text):
    with pytest.raises(DataError, match=re.escape("--map sentence=text,label=sentiment")):
        parse_mapping(text)


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"label": "mood"}, "--map label=mood: 'mood' is no field. The signature Sentiment has the fields"),
        ({"label": "sentiment", "text": "sentiment"}, "'sentiment' gets two columns"),
        ({"lable": "sentiment"}, "no column 'lable' for --map; it has text, sentiment"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(write, mapping, message):
    path = write("x.csv", "text,sentiment\na,positive\n")
    with pytest.raises(DataError, match=re.escape(message)):
        load_rows(path, SENTIMENT, mapping=mapping)


# What cannot be read


GOOD = '{"text": "a", "sentiment": "positive"}\n'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", "", "is empty"),
        ("x.jsonl", " \n\n", "is empty"),
        ("x.csv", "text,sentiment\n", "has no rows"),
        ("x.json", squad(), "has no rows"),
        ("x.jsonl", GOOD.encode() + b'{"text": "caf\xe9"}', "line 2: not UTF-8, byte 0xe9 at offset 52"),
        ("x.csv", "text,sentiment\na,positive\n".encode("utf-16"), "line 1: not UTF-8, byte 0xff"),
        ("x.jsonl", GOOD + '{"text": "a", ', "line 2: not JSON: Expecting property name"),
        ("x.jsonl", "[" * 100_000, "line 1: not JSON: maximum recursion depth"),
        ("x.jsonl", GOOD + "\n" + '"positive"', "line 3: '\"positive\"' is not an object"),
        (
            "x.jsonl",
            '{"sentence": "a", "sentiment": "positive"}',
            "line 1: no field 'text'; it has sentence, sentiment. The signature Sentiment has text, "
            "sentiment. If only the names differ, rename them, such as with --map sentence=text.",
        ),
        (
            "x.jsonl",
            GOOD + '{"text": "a", "sentiment": "positive", "stars": 5}',
            "line 2: unknown field 'stars'; it has text, sentiment, stars. The signature Sentiment has "
            "text, sentiment. Remove 'stars', or rename it with --map stars=FIELD.",
        ),
        (
            "x.jsonl",
            GOOD + "{}",
            "line 2: no field 'text'; it has none. The signature Sentiment has text, sentiment. Add 'text'.",
        ),
        (
            "x.csv",
            "sentence,label\na,positive\n",
            "no field 'text'; it has sentence, label. The signature Sentiment has text, sentiment. "
            "If only the names differ, rename them, such as with --map sentence=text,label=sentiment.",
        ),
        (
            "x.jsonl",
            GOOD + '{"text": "a", "sentiment": "good"}',
            "line 2: sentiment must be one of negative, positive but got 'good'",
        ),
        ("x.csv", "text,sentiment\na,positive\nb,\n", "line 3: sentiment must be one of"),
        ("x.jsonl", '{"text": 5, "sentiment": "positive"}', "line 1: text must be text but got 5"),
        ("x.jsonl", '{"text": null, "sentiment": "positive"}', "line 1: text must be text but got None"),
        ("x.jsonl", '{"text": "\\ud800", "sentiment": "positive"}', "line 1: 'utf-8' codec can't encode"),
        ("x.jsonl", '{"text": "a", "sentiment": []}', "line 1: sentiment has an empty list of accepted"),
        ("x.jsonl", '{"text": "a", "sentiment": {"unanswerable": null}}', "sentiment cannot be unanswerable"),
        ("x.csv", "text,sentiment\na,positive\nb,c,positive\n", "line 3: 3 cells where the header has 2"),
        ("x.csv", 'text,sentiment\n"a,positive\nb,positive\n', "line 2: not CSV: unexpected end of data"),
        ("x.json", '{"data": [', "not SQuAD JSON: the file: Invalid JSON: EOF"),
        ("x.json", GOOD, "not SQuAD JSON: data: Field required. A file of one object a line is named *.jsonl"),
        ("x.txt", GOOD, "ends in '.txt', which tells no format"),
    ],
)
def test_a_bad_file_is_refused_with_the_place_and_the_reason(write, name, content, message):
    path = write(name, content)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        load_rows(path, SENTIMENT)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"question": "q", "id": "a1", "answers": []}, "question a1: answer has an empty list of accepted"),
        ({"question": "q", "answers": [{"txt": "x"}]}, "qas.0.answers.0.text: Field required"),
    ],
)
def test_bad_squad_is_refused_with_the_place(write, item, message):
    with pytest.raises(DataError, match=re.escape(message)):
        load_rows(write("x.json", squad(item)), QA)


def test_an_empty_answer_is_no_way_to_say_unanswerable(write):
    path = write("x.csv", "question,context,answer\nq,c,\n")
    with pytest.raises(DataError, match=re.escape('write {"unanswerable": "why"} where there is no answer')):
        load_rows(path, QA)


def test_a_number_must_be_finite(write):
    path = write("x.csv", "text,urgent,pieces,price\na,true,1,nan\n")
    with pytest.raises(DataError, match="line 2: nan is not a finite number"):
        load_rows(path, ORDER)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        load_rows(tmp_path / "no.jsonl", SENTIMENT)
    with pytest.raises(DataError, match="is a folder"):
        load_rows(tmp_path, SENTIMENT)


# Public data


@needs_data
def test_sst2_loads_with_a_mapping():
    rows = load_rows(DATA / "sst2/train.csv", SENTIMENT, mapping=parse_mapping("sentence=text,label=sentiment"))
    assert len(rows) == 1500
    assert {row.values["sentiment"] for row in rows} == {"negative", "positive"}


@needs_data
def test_squad2_loads_with_both_outcomes_and_its_paragraphs_as_groups():
    rows = load_rows(DATA / "squad2/dev-10-articles.json", QA)
    assert len(rows) == 3708
    assert sum(isinstance(row.values["answer"], Unanswerable) for row in rows) == 1987
    assert len({row.group for row in rows}) == len({row.values["context"] for row in rows})


@needs_data
def test_cmrc2018_loads_as_squad_without_impossible_questions():
    rows = load_rows(DATA / "cmrc2018/trial.json", QA)
    assert len(rows) == 1002
    assert all(value in row.values["context"] for row in rows for value in row.outputs["answer"][:1])
