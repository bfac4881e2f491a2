"""The formats of files: what is read, and what of it is refused."""

import json
import re

import pytest

from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature
from row_cases import ECHO, GOOD, ORDER, jsonl, squad
from toys import QA, SENTIMENT

ROW = {"text": "a", "sentiment": "positive"}

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


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["x.csv", "x.tsv"])
def test_what_stands_between_cells_is_found_in_the_header(write, name, separator):
    text = f'id{separator}text{separator}sentiment\n1{separator}"a, b; c\td|e"{separator}positive\n'
    [row] = load_rows(write(name, text), SENTIMENT)
    assert row.values == {"text": "a, b; c\td|e", "sentiment": "positive"}


def test_excels_own_first_line_names_the_separator(write):
    [row] = load_rows(write("x.csv", "sep=;\r\ntext;sentiment\r\na;positive\r\n"), SENTIMENT)
    assert (row.values, row.where[-6:]) == (ROW, "line 3")


def test_a_separator_inside_the_header_is_no_separator(write):
    path = write("x.csv", '"notes; of, all";text;sentiment\nn;a;positive\n')
    assert load_rows(path, SENTIMENT)[0].values == ROW


def test_the_separator_is_found_by_the_mapped_columns_too(write):
    path = write("x.csv", "a;sentence, as written;label\n1;x;positive\n")
    mapping = {"sentence, as written": "text", "label": "sentiment"}
    assert load_rows(path, SENTIMENT, mapping=mapping)[0].values == {"text": "x", "sentiment": "positive"}


@pytest.mark.parametrize("blank", ["\n", "  \n", "\n\r\n"])
def test_blank_lines_are_passed_over_before_the_header_too(write, blank):
    path = write("x.csv", f"{blank}text,sentiment\n{blank}a,positive\n{blank}")
    assert [row.values for row in load_rows(path, SENTIMENT)] == [ROW]


@pytest.mark.parametrize("line", [",", " , ", ",,", '"",""', "\u00a0,"])
def test_a_row_of_nothing_but_separators_is_refused_even_if_texts_may_be_empty(write, line):
    path = write("x.csv", f"text,answer\na,b\n{line}\n")
    with pytest.raises(DataError, match=r"x\.csv, line 3: the row has only empty cells\. Remove this row"):
        load_rows(path, ECHO, allow_empty=True)


@pytest.mark.parametrize(
    ("header", "places"),
    [
        ("text,sentiment,sentiment", "columns 2 ('sentiment') and 3 ('sentiment')"),
        ("sentiment,text, sentiment ", "columns 1 ('sentiment') and 3 ('sentiment')"),
        ("text,sentiment,Sentiment", "columns 2 ('sentiment') and 3 ('Sentiment')"),
        ("TEXT,sentiment,text", "columns 1 ('TEXT') and 3 ('text')"),
        ("text,sentiment,\ufeffsentiment", "columns 2 ('sentiment') and 3 ('sentiment')"),
        ("text,sentiment,group,group", "columns 3 ('group') and 4 ('group')"),
    ],
)
def test_a_header_that_names_a_column_twice_is_refused_with_both_places(write, header, places):
    path = write("x.csv", f"{header}\npositive{',positive' * header.count(',')}\n")
    with pytest.raises(DataError, match=re.escape(places)) as caught:
        load_rows(path, SENTIMENT)
    assert "line 1: the header names" in str(caught.value)
    assert "Remove all but one, or rename the others." in str(caught.value)


def test_a_mapped_column_that_is_there_twice_is_refused(write):
    path = write("x.csv", "text,label,label\na,positive,negative\n")
    with pytest.raises(DataError, match="names 'label' twice"):
        load_rows(path, SENTIMENT, mapping={"label": "sentiment"})


def test_a_mapping_says_which_of_two_columns_that_differ_in_case_is_meant(write):
    path = write("x.csv", "text,Sentiment,sentiment\na,positive,negative\n")
    assert load_rows(path, SENTIMENT, mapping={"Sentiment": "sentiment"})[0].values == ROW


def test_columns_that_nobody_reads_may_have_any_name(write):
    path = write("x.csv", "notes,text,notes,sentiment,,\n1,a,2,positive,,\n")
    assert load_rows(path, SENTIMENT)[0].values == ROW


def test_a_header_without_names_is_refused(write):
    with pytest.raises(DataError, match="the header names no column"):
        load_rows(write("x.csv", ",,\na,positive,\n"), SENTIMENT)


# JSON


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.ndjson", "x.JSON"])
@pytest.mark.parametrize(
    "text",
    [
        jsonl(ROW, ROW),
        jsonl(ROW, ROW).replace("\n", "\r\n\r\n"),
        f"{json.dumps(ROW, indent=2)}\n{json.dumps(ROW, indent=2)}",
        f"{json.dumps(ROW)} {json.dumps(ROW)}",
        json.dumps([ROW, ROW]),
        json.dumps([ROW, ROW], indent=1),
        json.dumps({"version": "1", "data": [ROW, ROW]}),
        f"\ufeff{jsonl(ROW)}\ufeff{jsonl(ROW)}",
    ],
    ids=["lines", "blank lines", "over lines", "side by side", "array", "array over lines", "data", "two files joined"],
)
def test_objects_are_read_in_any_shape(write, name, text):
    assert [row.values for row in load_rows(write(name, text), SENTIMENT)] == [ROW, ROW]


def test_an_object_over_several_lines_is_named_by_its_first(write):
    path = write("x.jsonl", json.dumps(ROW, indent=2) + "\n\n" + json.dumps({**ROW, "sentiment": "so"}, indent=2))
    with pytest.raises(DataError, match=r"x\.jsonl, line 6: sentiment must be one of"):
        load_rows(path, SENTIMENT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "a", "sentiment": "positive", "sentiment": "negative"}', "line 1: an object has 'sentiment' twice"),
        ('{"text": "a", "sentiment": "positive", "sentiment ": "negative"}', "are the same. Keep one"),
        (
            GOOD + '{"text": "a"\n' + GOOD,
            "line 2: not JSON: Expecting ',' delimiter, at line 3 column 1. Correct it there",
        ),
        (GOOD.strip() + ",\n" + GOOD, "line 1: not JSON: Expecting value, at line 1 column 39. Correct it there"),
        (f"[{GOOD}, {GOOD}", "the array of objects is not closed. Close it with ]"),
        (f"[{GOOD} {GOOD}]", "line 1: the object is followed by"),
        (f"[[{GOOD}]]", "is not an object. Write one object per line"),
        ('["a", "positive"]', "is not an object. Write one object per line"),
        ('{"data": ["a"]}', "row 1 of 'data': 'a' is not an object"),
        ('{"text": ' + "1" * 5000 + "}", "line 1: a number cannot be read"),
        ("[]", "has no rows. Add some"),
        ("[" * 100_000, "line 1: not JSON: maximum recursion depth"),
    ],
)
def test_what_is_no_row_is_refused_with_its_place(write, text, message):
    for name in ("x.jsonl", "x.json"):
        with pytest.raises(DataError, match=re.escape(message)):
            load_rows(write(name, text), SENTIMENT)


def test_names_inside_of_values_stay_as_they_are(write):
    path = write("x.jsonl", jsonl({"text": {" a ": 1}, "sentiment": "positive"}))
    with pytest.raises(DataError, match=re.escape("text must be text but got {' a ': 1}")):
        load_rows(path, SENTIMENT)


def test_a_field_may_be_called_data(write):
    signature = SENTIMENT.model_copy(update={"inputs": (Field(name="data"),)})
    [row] = load_rows(write("x.json", json.dumps({"data": "a", "sentiment": "positive"})), signature)
    assert row.values == {"data": "a", "sentiment": "positive"}


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


# SQuAD as the Hugging Face Hub has it

HUB = {
    "id": "5733be284776f41900661182",
    "title": "Rome",
    "question": "Where is Rome?",
    "context": "Rome is in Italy.",
    "answers": {"text": ["in Italy", "Italy"], "answer_start": [8, 11]},
}
NONE = {**HUB, "answers": {"text": [], "answer_start": []}}
FLAG = {**HUB, "is_impossible": True}
PAIRS = {**HUB, "answers": [{"text": "in Italy", "answer_start": 8}, {"text": "Italy", "answer_start": 11}]}


@pytest.mark.parametrize(
    "form", [jsonl, lambda *rows: json.dumps(rows), lambda *rows: json.dumps({"data": rows}), list]
)
def test_answers_with_their_starts_become_accepted_answers(write, form):
    rows = [HUB, NONE, FLAG, PAIRS, {**HUB, "answers": []}]
    source = rows if form is list else write("x.json", form(*rows))
    answers = [row.outputs["answer"] for row in load_rows(source, QA)]
    found, absent = ("Italy", "in Italy"), (Unanswerable(),)
    assert answers == [found, absent, absent, found, absent]


def test_answers_with_their_starts_may_be_mapped_or_have_the_fields_name(write):
    mapped = load_rows([HUB], QA, mapping={"answers": "answer"})
    named = load_rows([{**{k: v for k, v in HUB.items() if k != "answers"}, "answer": HUB["answers"]}], QA)
    assert mapped[0].outputs == named[0].outputs == {"answer": ("Italy", "in Italy")}


def test_no_answer_is_refused_if_the_output_cannot_abstain(write):
    signature = QA.model_copy(update={"outputs": (Field(name="answer"),)})
    with pytest.raises(
        DataError, match="line 1: answer cannot be unanswerable, because its type does not include Unanswerable"
    ):
        load_rows(write("x.jsonl", jsonl(NONE)), signature)


def test_a_field_called_answers_is_the_users_own(write):
    signature = QA.model_copy(update={"outputs": (Field(name="answers"),)})
    path = write("x.jsonl", jsonl({"question": "q", "context": "c", "answers": ["b", "aa"]}))
    assert load_rows(path, signature)[0].outputs == {"answers": ("b", "aa")}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"question": "q", "id": "a1", "answers": []}, "question a1: answer has an empty list of accepted"),
        ({"question": "q", "answers": [{"txt": "x"}]}, "qas.0.answers.0.text: Field required. Correct it there"),
    ],
)
def test_bad_squad_is_refused_with_the_place(write, item, message):
    with pytest.raises(DataError, match=re.escape(message)):
        load_rows(write("x.json", squad(item)), QA)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"text"： "fine", "sentiment": "positive"}', "'：' (FULLWIDTH COLON) stands in place of ':'"),
        ('{"text": "fine"， "sentiment": "positive"}', "'，' (FULLWIDTH COMMA) stands in place of ','"),
        ('{“text”: "fine", "sentiment": "positive"}', "'“' (LEFT DOUBLE QUOTATION MARK) stands in place of '\"'"),
        ('｛"text": "fine", "sentiment": "positive"}', "'｛' (FULLWIDTH LEFT CURLY BRACKET) stands in place of '{'"),
    ],
)
def test_signs_that_look_like_those_of_json_are_named(write, line, told):
    with pytest.raises(DataError, match="line 1: not JSON") as caught:
        load_rows(write("x.jsonl", line), SENTIMENT)
    assert told in str(caught.value)
