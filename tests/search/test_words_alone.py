"""A linear model of words and characters."""

import csv
from pathlib import Path

import numpy as np
import pytest

from cribsheet.dataset.examples import Row
from cribsheet.search.lbfgs import minimize
from cribsheet.search.words_alone import WordsAlone, _Sparse, terms_of
from cribsheet.signature import Field
from toys import SENTIMENT, sentiment_rows

(FIELD,) = SENTIMENT.outputs
SST2 = Path(__file__).parents[3] / "shared" / "data" / "sst2"


def rows_of(*pairs):
    return [Row({"text": text}, {"sentiment": (label,)}) for text, label in pairs]


def predicted(rows, *texts):
    return WordsAlone(FIELD, rows).predict([{"text": text} for text in texts])


def test_words_that_were_seen_tell_the_label_of_a_new_text():
    rows = rows_of(*((row["text"], row["sentiment"]) for row in sentiment_rows()))
    assert predicted(rows, "A superb train.", "A dull train.") == ["positive", "negative"]


def test_parts_of_words_tell_too_and_so_do_chinese_characters():
    rows = rows_of(
        ("wonderful", "positive"), ("wonderfully", "positive"), ("awful", "negative"), ("awfully", "negative")
    )
    assert predicted(rows, "wonderfulness", "awfulness") == ["positive", "negative"]
    rows = rows_of(("很好吃", "positive"), ("真好吃", "positive"), ("太难吃", "negative"), ("很难吃", "negative"))
    assert predicted(rows, "都好吃", "都难吃") == ["positive", "negative"]


def test_a_text_of_unseen_words_gets_the_label_of_most_rows():
    rows = rows_of(("a", "positive"), ("b", "positive"), ("c", "positive"), ("d", "negative"))
    assert predicted(rows, "xyz", "") == ["positive", "positive"]


def test_the_same_text_twice_and_a_single_label_are_no_trouble():
    assert predicted(rows_of(("a", "positive"), ("a", "positive"), ("a", "negative")), "a") == ["positive"]
    assert predicted(rows_of(("a", "positive"), ("b", "positive")), "c") == ["positive"]


def test_a_word_means_something_else_in_another_input():
    rows = [
        Row({"said": one, "asked": other}, {"sentiment": (label,)})
        for one, other, label in (("good", "bad", "positive"), ("bad", "good", "negative"))
    ]
    asked = [{"said": "good", "asked": "bad"}, {"said": "bad", "asked": "good"}]
    assert WordsAlone(FIELD, rows).predict(asked) == ["positive", "negative"]
    assert set(terms_of({"said": "a", "asked": "b"})["word"]) == {"said\ta", "asked\tb"}


def test_an_abstention_is_an_outcome_like_others():
    field = Field(name="sentiment", kind="label", labels=("negative", "positive"), abstains=True)
    rows = [
        Row({"text": text}, {"sentiment": (field.value_of(label),)})
        for text, label in (
            ("superb", "positive"),
            ("dull", "negative"),
            ("the table has legs", "unanswerable"),
            ("the chair has legs", "unanswerable"),
        )
    ]
    (value,) = WordsAlone(field, rows).predict([{"text": "the bench has legs"}])
    assert field.outcome_of(value) == "unanswerable"


def test_the_products_of_rows_are_exact_whether_a_column_is_rare_or_common():
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((150, 40)) < rng.random(40), rng.random((150, 40)), 0)
    rows = [[(int(column), float(row[column])) for column in np.flatnonzero(row)] for row in dense]
    matrix = _Sparse.of(rows, columns=40)
    assert min(np.count_nonzero(dense, axis=0)) < 64 < max(np.count_nonzero(dense, axis=0))
    assert matrix.products_of_rows() == pytest.approx(dense @ dense.T)
    weights = rng.random((40, 3))
    assert matrix.times(weights) == pytest.approx(dense @ weights)
    assert matrix.transposed_times(dense @ weights) == pytest.approx(dense.T @ (dense @ weights))


def test_the_least_of_a_badly_scaled_function_is_found():
    scale = np.array([1.0, 100.0, 10_000.0])
    found = minimize(lambda x: (float((scale * (x - 1) ** 2).sum()), 2 * scale * (x - 1)), np.zeros(3))
    assert found == pytest.approx(np.ones(3), abs=0.02)


@pytest.mark.skipif(not SST2.is_dir(), reason="../shared/data/sst2 is not there")
def test_film_reviews_are_told_apart_as_well_as_by_scikit_learn():
    parts = []
    for name, limit in (("train", 400), ("dev", 200)):
        with (SST2 / f"{name}.csv").open(encoding="utf-8") as file:
            pairs = [(line["sentence"], line["label"]) for line in csv.DictReader(file)]
        parts.append(rows_of(*pairs[:limit]))
    train, test = parts
    found = WordsAlone(FIELD, train).predict([row.inputs for row in test])
    right = sum(row.outputs["sentiment"][0] == value for row, value in zip(test, found, strict=True))
    # scikit-learn: TfidfVectorizer of words (1, 2) and of char_wb (2, 5), sublinear, LogisticRegression(C=3)
    assert right / len(test) == pytest.approx(SKLEARN, abs=0.02)


SKLEARN = 0.725
