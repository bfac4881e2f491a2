"""Which column is which field: what `--map` says, and what is proposed if a name is unknown."""

import re

import pytest

from cribsheet.dataset.columns import parse_mapping
from cribsheet.dataset.rows import load_rows
from cribsheet.errors import DataError
from row_cases import GOOD, ORDER, jsonl
from toys import QA, SENTIMENT

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
        ({"label": "mood"}, "--map label=mood: 'mood' is not a field. The signature Sentiment has the fields"),
        ({"label": "sentiment", "text": "sentiment"}, "'sentiment' is mapped from two columns"),
        ({"lable": "sentiment"}, "--map names the column 'lable', but the row has text, sentiment"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(write, mapping, message):
    path = write("x.csv", "text,sentiment\na,positive\n")
    with pytest.raises(DataError, match=re.escape(message)):
        load_rows(path, SENTIMENT, mapping=mapping)


def test_a_field_whose_own_column_is_mapped_away_is_told(write):
    path = write("x.csv", "text,sentiment,topic\na,positive,b\n")
    with pytest.raises(
        DataError, match=r"no field 'text', since its column is mapped to 'group'.*Also map another column"
    ):
        load_rows(path, SENTIMENT, mapping={"text": "group"})


# Unknown columns


@pytest.mark.parametrize(
    ("header", "cells", "proposed"),
    [
        ("sentence,label", "It was fine.,positive", "sentence=text,label=sentiment"),
        ("id,sentence,label", "17,It was fine.,positive", "sentence=text,label=sentiment"),
        ("label,idx,sentence", "0,17,It was fine.", "label=sentiment,sentence=text"),
        ("Text,Sentiment", "fine,positive", "Text=text,Sentiment=sentiment"),
        ("text,target", "fine,1", "target=sentiment"),
        ("text,mood", "fine,positive", "mood=sentiment"),
        ("text,mood", "fine,happy", "COLUMN=sentiment"),
        ("my text,mood", "It was fine.,positive", "'my text=text,mood=sentiment'"),
    ],
)
def test_the_columns_that_a_field_may_be_are_proposed(write, header, cells, proposed):
    with pytest.raises(DataError, match=re.escape(f"for example with --map {proposed}.")):
        load_rows(write("x.csv", f"{header}\n{cells}\n"), SENTIMENT)


def test_a_name_that_is_misspelt_in_one_row_is_corrected_there(write):
    rows = [{"txt" if line == 7 else "text": "a", "sentiment": "positive"} for line in range(1, 43)]
    told = "line 7: no field 'text'.* 41 other rows have 'text'. Correct this row: add 'text', or rename 'txt' to"
    with pytest.raises(DataError, match=told) as caught:
        load_rows(write("x.jsonl", jsonl(*rows)), SENTIMENT)
    assert "--map" not in str(caught.value)


def test_a_label_that_is_misspelt_in_one_row_is_corrected_there_too(write):
    rows = [{"text": "a", "sentimnt" if line == 30 else "sentiment": "positive"} for line in range(1, 43)]
    with pytest.raises(DataError, match="add 'sentiment', or rename 'sentimnt' to 'sentiment'"):
        load_rows(write("x.jsonl", jsonl(*rows)), SENTIMENT)


def test_a_mapped_column_that_one_row_lacks_is_added_there(write):
    path = write("x.jsonl", jsonl({"txt": "a", "sentiment": "positive"}, {"text": "b", "sentiment": "positive"}))
    with pytest.raises(DataError, match=r"line 2: --map .* 1 other row has 'txt'. Correct this row: add 'txt'\."):
        load_rows(path, SENTIMENT, mapping={"txt": "text"})


def test_a_file_without_a_header_is_told_what_to_write(write):
    with pytest.raises(DataError, match=r"If the file has no header, add one as its first line: text,sentiment\.$"):
        load_rows(write("x.csv", "It was fine.,positive\nIt was dull.,negative\n"), SENTIMENT)


def test_numbers_and_booleans_find_their_columns_too(write):
    with pytest.raises(DataError, match="--map urg=urgent,n=pieces,cost=price"):
        load_rows(write("x.csv", "text,urg,n,cost\nTwo for 3.50,true,2,3.5\n"), ORDER)


def test_rows_from_code_are_told_pythons_way(write):
    with pytest.raises(DataError, match=re.escape("for example with mapping={'sentence': 'text'}.")):
        load_rows([{"sentence": "It was fine.", "sentiment": "positive"}], SENTIMENT)


def test_many_and_long_names_make_no_long_message(write):
    row = {f"column {number}": 1 for number in range(500)} | {"x" * 9999: 1, "\ud800": 2}
    with pytest.raises(DataError) as caught:
        load_rows([row], SENTIMENT)
    assert "and 482 more" in str(caught.value)
    assert len(str(caught.value).encode()) < 1000


@pytest.mark.parametrize("name", [" text", "text\u00a0", "\ufefftext"])
def test_blanks_and_byte_order_marks_around_a_name_do_not_count(write, name):
    [row] = load_rows(write("x.jsonl", jsonl({name: "a", "sentiment": "positive"})), SENTIMENT)
    assert row.values["text"] == "a"


def test_a_mapping_that_names_a_column_twice_is_refused(write):
    with pytest.raises(DataError, match="names a column twice"):
        load_rows(write("x.jsonl", GOOD), SENTIMENT, mapping={"a": "text", " a ": "sentiment"})


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.csv", "ｔｅｘｔ,sentiment\nfine,positive\n"), ("x.jsonl", '{"ｔｅｘｔ": "fine", "sentiment": "positive"}')],
)
def test_a_column_in_full_width_letters_is_named(write, name, text):
    with pytest.raises(DataError) as caught:
        load_rows(write(name, text), SENTIMENT)
    assert "no field 'text'; it has ｔｅｘｔ, sentiment." in str(caught.value)
    assert "The column 'ｔｅｘｔ' is 'text' in other characters, such as full-width ones; write 'text'." in str(
        caught.value
    )
    assert "--map ｔｅｘｔ=text" in str(caught.value).replace("'", "")
    assert load_rows(write(name, text), SENTIMENT, mapping={"ｔｅｘｔ": "text"})[0].inputs["text"] == "fine"
