"""Rows from files: what is read, and what is said about what cannot be."""

import json
import re
import unicodedata

import pytest

from cribsheet.dataset.columns import parse_mapping
from cribsheet.dataset.examples import Example, Prediction
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import split
from cribsheet.errors import DataError, SignatureError
from cribsheet.evaluation.metrics import answer_f1, label_accuracy
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field
from row_cases import DATA, ECHO, GOOD, ORDER, jsonl, squad
from toys import QA, SENTIMENT

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the public data is not in ../shared/data")

# Types


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


# What cannot be read


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", "", "is empty"),
        ("x.jsonl", " \n\n", "is empty"),
        ("x.csv", "text,sentiment\n", "has no rows"),
        ("x.json", squad(), "has no rows"),
        ("x.jsonl", GOOD.encode() + b'{"text": "caf\xe9"}', "line 2: not UTF-8, byte 0xe9 at offset 52"),
        ("x.jsonl", GOOD + '{"text": "a", ', "line 2: not JSON: Expecting property name"),
        ("x.jsonl", "[" * 100_000, "line 1: not JSON: maximum recursion depth"),
        ("x.jsonl", GOOD + "\n" + '"positive"', "line 3: '\"positive\"' is not an object"),
        (
            "x.jsonl",
            '{"sentence": "a", "sentiment": "positive"}',
            "line 1: no field 'text'; it has sentence, sentiment. The signature Sentiment has text, "
            "sentiment. If only the names differ, map the columns to the fields, for example with --map sentence=text.",
        ),
        (
            "x.jsonl",
            GOOD + '{"text": "a", "sentiment": "positive", "stars": 5}',
            "line 2: unknown field 'stars'; it has text, sentiment, stars. The signature Sentiment has "
            "text, sentiment. 1 of 2 rows has 'stars'. Remove it there.",
        ),
        (
            "x.jsonl",
            '{"text": "a", "sentiment": "positive", "stars": 5}',
            "line 1: unknown field 'stars'; it has text, sentiment, stars. The signature Sentiment has "
            "text, sentiment. Remove 'stars', or rename it with --map stars=FIELD.",
        ),
        (
            "x.jsonl",
            GOOD + "{}",
            "line 2: no field 'text'; it has none. The signature Sentiment has text, sentiment. 1 other row has "
            "'text'. Correct this row: add 'text'.",
        ),
        (
            "x.csv",
            "sentence,label\na,positive\n",
            "no field 'text'; it has sentence, label. The signature Sentiment has text, sentiment. "
            "If only the names differ, map the columns to the fields, for example with "
            "--map sentence=text,label=sentiment.",
        ),
        (
            "x.jsonl",
            GOOD + '{"text": "a", "sentiment": "good"}',
            "line 2: sentiment must be one of negative, positive but got 'good'",
        ),
        ("x.csv", "text,sentiment\na,positive\nb,\n", "line 3: sentiment must be one of"),
        ("x.jsonl", '{"text": 5, "sentiment": "positive"}', "line 1: text must be text but got 5"),
        ("x.jsonl", '{"text": null, "sentiment": "positive"}', "line 1: text must be text but got None"),
        ("x.jsonl", '{"text": "\\ud800", "sentiment": "positive"}', "text has half of a surrogate pair, '\\ud800'"),
        (
            "x.jsonl",
            '{"text": "a\\u0000b", "sentiment": "positive"}',
            "line 1: text has the character NUL at position 1",
        ),
        ("x.jsonl", '{"text": "a", "sentiment": []}', "line 1: sentiment has an empty list of accepted"),
        ("x.jsonl", '{"text": "a", "sentiment": {"unanswerable": null}}', "sentiment cannot be unanswerable"),
        ("x.csv", "text,sentiment\na,positive\nb,c,positive\n", "line 3: 3 cells, but the header has 2"),
        ("x.csv", 'text,sentiment\n"a,positive\nb,positive\n', "line 2: not CSV: unexpected end of data"),
        ("x.json", '{"data": [', "line 1: not JSON: Expecting value, at line 1 column 11"),
        ("x.txt", GOOD, "has the extension '.txt', which is not a known format"),
    ],
)
def test_a_bad_file_is_refused_with_the_place_and_the_reason(write, name, content, message):
    path = write(name, content)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        load_rows(path, SENTIMENT)
    assert str(path) in str(caught.value)


def test_an_empty_text_in_json_is_no_way_to_say_unanswerable(write):
    path = write("x.jsonl", jsonl({"question": "q", "context": "c", "answer": ""}))
    with pytest.raises(DataError, match=re.escape('write {"unanswerable": "why"} if there is no answer')):
        load_rows(path, QA)


def test_a_number_must_be_finite(write):
    path = write("x.csv", "text,urgent,pieces,price\na,true,1,nan\n")
    with pytest.raises(DataError, match="line 2: price must be a finite number but got 'nan'"):
        load_rows(path, ORDER)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        load_rows(tmp_path / "no.jsonl", SENTIMENT)
    with pytest.raises(DataError, match="is a folder"):
        load_rows(tmp_path, SENTIMENT)


# Empty texts


EMPTY = ["", " ", "\t", "\u00a0", "\u200b\ufeff", "\n\n"]


@pytest.mark.parametrize("text", EMPTY)
@pytest.mark.parametrize("name", ["text", "answer"])
def test_an_empty_text_is_refused_unless_it_is_allowed(write, name, text):
    row = {"text": "a", "answer": "b", name: text}
    path = write("x.jsonl", jsonl({"text": "a", "answer": "b"}, row))
    with pytest.raises(DataError, match=rf"line 2: {name} is empty\. Fill it in, or remove .*--allow-empty"):
        load_rows(path, ECHO)
    assert load_rows(path, ECHO, allow_empty=True)[1].values == row


def test_an_empty_text_among_accepted_answers_is_refused_too(write):
    path = write("x.jsonl", jsonl({"text": "a", "answer": ["b", " "]}))
    with pytest.raises(DataError, match="line 1: answer is empty"):
        load_rows(path, ECHO)


def test_an_empty_answer_is_no_way_to_abstain_even_if_empty_texts_are_allowed(write):
    path = write("x.jsonl", jsonl({"question": "q", "context": "c", "answer": ""}))
    with pytest.raises(DataError, match=re.escape('write {"unanswerable": "why"} if there is no answer')):
        load_rows(path, QA, allow_empty=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.jsonl", '{"text": "a", "answer": "b"}'), ("x.csv", "text,note,answer\na,,b\n")],
)
def test_an_input_whose_default_is_empty_may_be_left_out_and_be_empty(write, name, content):
    note = Field(name="note", has_default=True, default="")
    signature = ECHO.model_copy(update={"inputs": (*ECHO.inputs, note)})
    assert load_rows(write(name, content), signature)[0].inputs == {"text": "a", "note": ""}


def test_an_empty_text_in_json_is_no_way_to_say_none(write):
    city = Field(name="city", abstains=True, optional=True)
    signature = ECHO.model_copy(update={"inputs": (*ECHO.inputs, city)})
    with pytest.raises(DataError, match="city is empty; write null if it has no value"):
        load_rows(write("x.jsonl", jsonl({"text": "a", "city": "", "answer": "b"})), signature)


def test_marks_and_emoji_are_texts(write):
    texts = ["?", "🙂", "\u0301", "…", "0"]
    rows = load_rows(write("x.jsonl", jsonl(*({"text": text, "answer": "a"} for text in texts))), ECHO)
    assert [row.values["text"] for row in rows] == texts


# Labels


@pytest.mark.parametrize("values", [(0, 1), ("0", "1"), (-1, 2)])
def test_numbers_in_place_of_words_are_told_with_what_to_write(write, values):
    path = write("x.jsonl", jsonl(*({"text": "a", "sentiment": value} for value in values * 2)))
    with pytest.raises(DataError) as caught:
        load_rows(path, SENTIMENT)
    first, second = map(repr, values)
    assert f"line 1: sentiment must be one of negative, positive but got {first}" in str(caught.value)
    assert f"The labels are words, but the rows have numbers ({first} in 2 rows, {second} in 2 rows)" in str(
        caught.value
    )
    one, other = sorted(map(int, values))
    assert f"Say which label each number means, as in --labels {one}=negative,{other}=positive" in str(caught.value)


def test_a_number_alone_is_told_with_the_label_in_its_place(write):
    with pytest.raises(DataError, match="as in --labels 1=positive, or"):
        load_rows(write("x.csv", "text,sentiment\na,1\n"), SENTIMENT)


def test_a_text_of_too_many_digits_is_no_label_number(write):
    with pytest.raises(DataError, match=r"must be one of negative, positive but got '999.* Correct the row"):
        load_rows(write("x.csv", f"text,sentiment\na,{'9' * 5000}\n"), SENTIMENT)


def test_all_values_that_are_no_label_are_listed_with_their_rows(write):
    labels = ["good", "positive", "good", "Positive"]
    path = write("x.csv", "text,sentiment\n" + "".join(f"a,{label}\n" for label in labels))
    with pytest.raises(
        DataError, match=r"Values in the rows that are not labels: 'good' in 2 rows, 'Positive' in 1 row\.$"
    ):
        load_rows(path, SENTIMENT)


@pytest.mark.parametrize("label", ["None", "null"])
def test_null_is_no_label_even_if_one_is_called_so(write, label):
    output = Field(name="sentiment", kind="label", labels=(label, "some"))
    signature = SENTIMENT.model_copy(update={"outputs": (output,)})
    with pytest.raises(DataError, match="but got None"):
        load_rows(write("x.jsonl", jsonl({"text": "a", "sentiment": None})), signature)


FRENCH = ("très", "crème")


@pytest.mark.parametrize("declared", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD", "NFKD"])
def test_labels_are_the_same_in_any_normal_form_and_kept_in_one(write, declared, written):
    labels = tuple(unicodedata.normalize(declared, label) for label in FRENCH)
    output = Field(name="goût", kind="label", labels=labels)
    signature = SENTIMENT.model_copy(update={"outputs": (output,)})
    text = "Un café très serré."
    given = {name: unicodedata.normalize(written, value) for name, value in (("t", text), ("goût", FRENCH[1]))}
    path = write("x.jsonl", jsonl({"text": given["t"], unicodedata.normalize(written, "goût"): given["goût"]}))
    [row] = load_rows(path, signature)
    assert row.values == {"text": given["t"], "goût": FRENCH[1]}  # the text stays as it is
    assert output.type.read(f" {unicodedata.normalize('NFD', FRENCH[0])}.", str) == FRENCH[0]


def test_two_labels_that_differ_in_the_normal_form_alone_are_refused():
    with pytest.raises(SignatureError, match="twice"):
        Field(name="x", kind="label", labels=("caf\u00e9", "cafe\u0301"))


def test_our_metrics_and_splits_take_the_normal_forms_for_the_same():
    composed, apart = "caf\u00e9", "cafe\u0301"
    assert label_accuracy(Example({}, {"x": (composed,)}), Prediction({"x": apart}))
    assert answer_f1(Example({}, {"x": (f"{composed} noir",)}), Prediction({"x": f"{apart} noir"})) == 1.0
    rows = [{"text": text, "sentiment": "positive"} for text in (composed, apart, *"abcdefghijkl")]
    parts = split(load_rows(rows, SENTIMENT), SENTIMENT, seed=0)
    together = [part for part in (parts.train, parts.val, parts.test) for row in part if row.inputs["text"] == composed]
    assert any(row.inputs["text"] == apart for row in together[0])


# Where a row comes from


def test_a_row_knows_its_line_which_is_no_part_of_what_it_is(write):
    first = load_rows(write("x.jsonl", "\n" + GOOD), SENTIMENT)[0]
    second = load_rows(write("y.csv", 'text,sentiment\n"a",positive\n'), SENTIMENT)[0]
    assert first.where.endswith("x.jsonl, line 2")
    assert second.where.endswith("y.csv, line 2")
    assert first == second
    assert first.id == second.id


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
    with pytest.raises(DataError, match="question TRIAL_776_QUERY_4: question is empty"):
        load_rows(DATA / "cmrc2018/trial.json", QA)
    rows = load_rows(DATA / "cmrc2018/trial.json", QA, allow_empty=True)
    assert len(rows) == 1002
    assert all(value in row.values["context"] for row in rows for value in row.outputs["answer"][:1])


def test_a_default_that_is_no_label_is_one_clear_error(write):
    tone = Field(name="tone", kind="label", labels=("formal", "casual"), has_default=True, default=None)
    signature = SENTIMENT.model_copy(update={"inputs": (*SENTIMENT.inputs, tone)})
    with pytest.raises(DataError, match="tone must be one of formal, casual but got None"):
        load_rows(write("x.jsonl", jsonl({"text": "a", "sentiment": "positive"})), signature)
