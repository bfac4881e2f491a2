"""Tables as people have them: quotes left open, cells that hold Python's lists, lines above the header."""

import csv
import io
import json

import pytest

from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature
from toys import QA, SENTIMENT
from typed_values import STRUCTURED


@pytest.mark.parametrize(
    ("text", "line", "end"),
    [
        ('text,sentiment\n"Great movie,positive\nbad,negative\nmeh",positive\n', 2, 4),
        ('text,sentiment\n"Great movie,positive\nmeh",positive\n', 2, 3),
        ('text,sentiment\nfine,positive\n"Great movie,positive\nmeh",negative\n', 3, 4),
        ('id;text;sentiment\n1;"Great movie;positive\r\n2;bad;negative\r\n3;meh";positive\r\n', 2, 4),
        ('text\tsentiment\n"Great movie\tpositive\nbad\tnegative\nmeh"\tpositive\n', 2, 4),
    ],
)
def test_a_quote_left_open_that_swallows_rows_is_refused_with_its_line(write, text, line, end):
    with pytest.raises(DataError, match=f"x.csv, line {line}: the quote that opens here ends in line {end}, and"):
        load_rows(write("x.csv", text), SENTIMENT)


@pytest.mark.parametrize(
    "cell",
    [
        "Two lines\nof prose",
        "Dear all,\nit was fine.\nBye",
        "First, a line.\nThen, another.\nEnd",
        "a,b\nc,d",
        "Fine,really\nfine",
        "\n\n",
    ],
)
def test_a_quoted_cell_of_several_lines_is_one_cell(write, cell):
    rows = load_rows(write("x.csv", f'text,sentiment\n"x {cell}",positive\nbad,negative\n'), SENTIMENT)
    assert [row.inputs["text"] for row in rows] == [f"x {cell}", "bad"]


def _qa(answer, column="answer"):
    """Return a table of one question."""
    out = io.StringIO()
    csv.writer(out).writerows([["question", "context", column], ["Who?", "C.", answer]])
    return out.getvalue()


@pytest.mark.parametrize(
    "cell",
    [
        "{'text': ['a b', \"c's\"], 'answer_start': [1, 2]}",
        "{'answer_start': [1, 2], 'text': ['a b', \"c's\"]}",
        json.dumps({"text": ["a b", "c's"], "answer_start": [1, 2]}),
        "{'text': array(['a b', \"c's\"], dtype=object), 'answer_start': array([1, 2], dtype=int32)}",
        "{'text': array(['a b', \"c's\"],\n      dtype='<U3'), 'answer_start': array([1, 2])}",
        "[{'text': 'a b', 'answer_start': 1}, {'text': \"c's\", 'answer_start': 2}]",
    ],
)
def test_a_cell_of_answers_with_their_starts_is_read_as_json_is(write, cell):
    for column, mapping in (("answers", {}), ("answer", {}), ("answers", {"answers": "answer"})):
        (row,) = load_rows(write("x.csv", _qa(cell, column)), QA, mapping=mapping)
        assert row.outputs["answer"] == ("a b", "c's") or row.outputs["answer"] == ("c's", "a b")


@pytest.mark.parametrize(
    "cell", ["{'text': [], 'answer_start': []}", "{'text': array([], dtype=object), 'answer_start': array([])}"]
)
def test_a_cell_of_no_answers_is_unanswerable(write, cell):
    (row,) = load_rows(write("x.csv", _qa(cell, "answers")), QA)
    assert row.outputs["answer"] == (Unanswerable(),)


@pytest.mark.parametrize(
    "cell",
    [
        "{'text': ['a b'], 'answer_start': [1]",
        "{'text': f(1), 'answer_start': [1]}",
        "{'text': [" + "'a', " * 30_000 + "], 'answer_start': []}",
    ],
)
def test_a_cell_of_answers_that_cannot_be_read_is_refused(write, cell):
    with pytest.raises(DataError, match=r"x\.csv, line 2: answers with their starts that cannot be read"):
        load_rows(write("x.csv", _qa(cell)), QA)


@pytest.mark.parametrize("cell", ["['a b', 'c']", '["a b"]', "[]", "array(['a b'], dtype=object)"])
def test_a_list_in_an_answers_cell_is_never_taken_literally(write, cell):
    with pytest.raises(DataError, match=r"x\.csv, line 2: answer is a list as text, .* Write the rows as JSONL"):
        load_rows(write("x.csv", _qa(cell)), QA)
    row = {"question": "Who?", "context": "C.", "answer": cell}
    (read,) = load_rows(write("x.jsonl", json.dumps(row)), QA)
    assert read.outputs["answer"] == (cell,)


@pytest.mark.parametrize("cell", ["[sic] he", "{curly}", "[1]", "{'a': 1}", "{" * 5000])
def test_other_brackets_are_text(write, cell):
    (row,) = load_rows(write("x.csv", _qa(cell)), QA)
    assert row.outputs["answer"] == (cell,)


@pytest.mark.parametrize("cell", ["unanswerable", " Unanswerable", "UNANSWERABLE", "", "  "])
def test_an_empty_cell_and_the_outcomes_own_word_are_unanswerable(write, cell):
    (row,) = load_rows(write("x.csv", _qa(cell)), QA)
    assert row.outputs["answer"] == (Unanswerable(),)


def test_the_outcomes_own_word_is_so_in_json_and_from_code_too(write):
    row = {"question": "Who?", "context": "C.", "answer": "Unanswerable"}
    assert load_rows(write("x.jsonl", json.dumps(row)), QA)[0].outputs["answer"] == (Unanswerable(),)
    assert load_rows([row], QA)[0].outputs["answer"] == (Unanswerable(),)


def test_a_label_may_be_unanswerable_in_a_cell_too(write):
    (label,) = SENTIMENT.outputs
    signature = SENTIMENT.model_copy(update={"outputs": (label.model_copy(update={"abstains": True}),)})
    rows = load_rows(write("x.csv", "text,sentiment\na,unanswerable\nb,\nc,positive\n"), signature)
    assert [row.outputs["sentiment"] for row in rows] == [(Unanswerable(),), (Unanswerable(),), ("positive",)]


@pytest.mark.parametrize("name", ["people", "labels", "person", "mapping"])
def test_an_empty_cell_and_the_null_of_json_stand_for_no_value(write, name):
    found = Field(name="found", type=STRUCTURED[name][0], abstains=True, optional=True)
    signature = Signature(name="Toy", instructions="", inputs=(Field(name="text"),), outputs=(found,))
    rows = load_rows(write("x.csv", "text,found\na,\nb,null\nc, null \n"), signature)
    assert [row.outputs["found"] for row in rows] == [(None,)] * 3


@pytest.mark.parametrize("word", ["None", "null", "N/A", "no answer", "nan"])
def test_other_words_for_no_answer_are_refused_if_several_rows_have_them(write, word):
    two = _qa(word) + f"When?,D.,{word.upper()}\n"
    with pytest.raises(DataError, match=f"line 2: answer is '{word}', in 2 rows, .* Write unanswerable, or"):
        load_rows(write("x.csv", two), QA)
    assert load_rows(write("x.csv", _qa(word)), QA)[0].outputs["answer"] == (word,)
    row = {"question": "Who?", "context": "C.", "answer": [word]}
    rows = load_rows([row, {**row, "question": "When?"}], QA)
    assert {row.outputs["answer"] for row in rows} == {(word,)}


def test_such_a_word_is_an_answer_like_any_other_if_the_output_cannot_abstain(write):
    (answer,) = QA.outputs
    signature = QA.model_copy(update={"outputs": (answer.model_copy(update={"abstains": False}),)})
    rows = load_rows(write("x.csv", _qa("None") + "When?,D.,None\n"), signature)
    assert [row.outputs["answer"] for row in rows] == [("None",)] * 2


@pytest.mark.parametrize("flag", [True, 1, "true", "True", "1", 1.0])
def test_an_impossible_question_may_be_marked_in_any_way(write, flag):
    row = {"question": "Who?", "context": "C.", "answers": {"text": ["a"], "answer_start": [1]}, "is_impossible": flag}
    assert load_rows(write("x.jsonl", json.dumps(row)), QA)[0].outputs["answer"] == (Unanswerable(),)
    row["is_impossible"] = 0
    assert load_rows(write("x.jsonl", json.dumps(row)), QA)[0].outputs["answer"] == ("a",)


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "Sep=;"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_line_that_names_the_separator_may_be_written_in_any_way(write, line, end):
    (row,) = load_rows(write("x.csv", end.join((line, "text;sentiment", "a, b;positive", ""))), SENTIMENT)
    assert row.values == {"text": "a, b", "sentiment": "positive"}


@pytest.mark.parametrize("line", ["# comment", "# made on Monday, by us", "  #comment", "// comment"])
def test_a_comment_above_the_header_is_told(write, line):
    with pytest.raises(DataError, match=r"line 1: '.*' looks like a comment, .* Remove this line"):
        load_rows(write("x.csv", f"{line}\ntext,sentiment\na,positive\n"), SENTIMENT)


def test_a_column_may_begin_with_a_hash(write):
    assert load_rows(write("x.csv", "#,text,sentiment\n1,a,positive\n"), SENTIMENT)[0].inputs == {"text": "a"}


@pytest.mark.parametrize(
    ("header", "char", "name"),
    [
        ("text，sentiment", "，", "FULLWIDTH COMMA"),
        ("text；sentiment", "；", "FULLWIDTH SEMICOLON"),
        ("text：sentiment", "：", "FULLWIDTH COLON"),
        ("ｔｅｘｔ｜sentiment", "｜", "FULLWIDTH VERTICAL LINE"),
    ],
)
def test_full_width_separators_are_named(write, header, char, name):
    path = write("x.csv", f"{header}\n很好{char}positive\n")
    with pytest.raises(DataError) as caught:
        load_rows(path, SENTIMENT)
    assert (
        f"x.csv, line 1: the names in {header!r} are separated by {char!r} ({name}), which separates no cells"
        in str(caught.value)
    )
    assert "Write a comma between the cells of each line" in str(caught.value)


def test_a_full_width_comma_in_a_cell_separates_nothing(write):
    rows = load_rows(write("x.csv", "text,sentiment,a，b\n很好，真的,positive,x\n"), SENTIMENT)
    assert rows[0].inputs["text"] == "很好，真的"


def test_a_full_width_comma_in_place_of_a_separator_is_named(write):
    with pytest.raises(DataError, match=r"line 2: 1 cell, but the header has 2\. '，' .*: write a comma if it should"):
        load_rows(write("x.csv", "text,sentiment\n很好，positive\n"), SENTIMENT)
