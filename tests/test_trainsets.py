"""The trainsets that ship: enough rows, balanced, without copies, with answers that can be found."""

import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import split
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature

TRAINSETS = Path(__file__).parents[1] / "trainsets"

GROUNDED_QA = Signature(
    name="GroundedQA",
    instructions="Answer the question from the context alone.",
    inputs=(Field(name="question"), Field(name="context")),
    outputs=(Field(name="answer", abstains=True),),
)
SENTIMENT = Signature(
    name="Sentiment",
    instructions="Tell the sentiment.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="sentiment", kind="label", labels=("negative", "positive")),),
)
TOPIC = Signature(
    name="Topic",
    instructions="Tell the topic.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="topic", kind="label", labels=("world", "sports", "business", "technology")),),
)
STARS = Signature(
    name="Stars",
    instructions="Tell the stars.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="stars", kind="label", labels=(1, 2, 3, 4, 5)),),
)
ALL = [("grounded_qa", GROUNDED_QA), ("sentiment", SENTIMENT), ("topic", TOPIC), ("stars", STARS)]
LEAST = {"stars": 120}

NEAR = 0.5
"""Texts that share more than this of their word 3-grams (Jaccard) are taken for copies."""


def rows_of(name, signature):
    return load_rows(TRAINSETS / f"{name}.jsonl", signature)


def outcomes_of(rows, signature):
    field = signature.outputs[0]
    return Counter(field.outcome_of(row.outputs[field.name][0]) for row in rows)


def trigrams(text):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + 3]) for start in range(max(1, len(words) - 2))}


def near_copies(texts):
    grams = [(text, trigrams(text)) for text in sorted(texts)]
    return [
        (one, other)
        for (one, left), (other, right) in combinations(grams, 2)
        if len(left & right) > NEAR * len(left | right)
    ]


@pytest.mark.parametrize(("name", "signature"), ALL)
def test_there_are_enough_rows_and_none_is_there_twice(name, signature):
    rows = rows_of(name, signature)
    assert len(rows) >= LEAST.get(name, 160)
    inputs = Counter(tuple(" ".join(str(v).lower().split()) for v in row.inputs.values()) for row in rows)
    assert [key for key, count in inputs.items() if count > 1] == []


@pytest.mark.parametrize(("name", "signature"), ALL)
def test_every_outcome_is_in_every_part_of_a_split(name, signature):
    splits = split(rows_of(name, signature), signature, seed=0)
    for part in (splits.train, splits.val, splits.test):
        assert set(outcomes_of(part, signature)) == set(signature.outputs[0].outcomes)


@pytest.mark.parametrize(("name", "signature"), ALL[1:])
def test_labels_are_balanced_within_a_tenth(name, signature):
    counts = outcomes_of(rows_of(name, signature), signature)
    assert max(counts.values()) <= 1.1 * min(counts.values())


@pytest.mark.parametrize(("name", "signature"), ALL[1:])
def test_no_text_is_nearly_a_copy_of_another(name, signature):
    assert near_copies(row.values["text"] for row in rows_of(name, signature)) == []


def test_grounded_qa_has_at_least_60_contexts_and_none_nearly_a_copy():
    contexts = {row.values["context"] for row in rows_of("grounded_qa", GROUNDED_QA)}
    assert len(contexts) >= 60
    assert near_copies(contexts) == []


def test_the_contexts_of_grounded_qa_have_1_to_8_sentences():
    contexts = {row.values["context"] for row in rows_of("grounded_qa", GROUNDED_QA)}
    counts = {context: len(re.findall(r"[.!?]['\"”)]*(?:\s|$)", context)) for context in contexts}
    assert {context: count for context, count in counts.items() if not 1 <= count <= 8} == {}


def test_grounded_qa_asks_no_context_nearly_the_same_question_twice():
    asked = {}
    for row in rows_of("grounded_qa", GROUNDED_QA):
        asked.setdefault(row.values["context"], []).append(row.values["question"])
    assert [pair for questions in asked.values() for pair in near_copies(questions)] == []


def test_grounded_qa_has_both_outcomes_within_40_to_60_in_100():
    counts = outcomes_of(rows_of("grounded_qa", GROUNDED_QA), GROUNDED_QA)
    assert 0.4 <= counts["answered"] / counts.total() <= 0.6


def test_every_answer_that_a_demo_shows_stands_in_its_context():
    rows = [row for row in rows_of("grounded_qa", GROUNDED_QA) if row.values["answer"]]
    assert [
        (row.values["answer"], row.values["context"])
        for row in rows
        if row.values["answer"] not in row.values["context"]
    ] == []


def test_every_unanswerable_row_says_why():
    rows = [row for row in rows_of("grounded_qa", GROUNDED_QA) if isinstance(row.values["answer"], Unanswerable)]
    assert [row.values["question"] for row in rows if not row.values["answer"].reason] == []


def test_the_groups_of_grounded_qa_are_its_contexts():
    rows = rows_of("grounded_qa", GROUNDED_QA)
    assert len({row.group for row in rows}) == len({row.values["context"] for row in rows})
    assert len({(row.group, row.values["context"]) for row in rows}) == len({row.values["context"] for row in rows})
