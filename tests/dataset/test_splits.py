"""Splits: nothing leaks, and the same rows give the same parts."""

import random
from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cribsheet.dataset.examples import Row
from cribsheet.dataset.splits import interleaved, split
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature

LABELS = ("negative", "positive")
SENTIMENT = Signature(
    name="Sentiment",
    instructions="Tell the sentiment.",
    inputs=(Field(name="text"),),
    outputs=(Field(name="sentiment", kind="label", labels=LABELS),),
)
QA = Signature(
    name="GroundedQA",
    instructions="Answer.",
    inputs=(Field(name="question"), Field(name="context")),
    outputs=(Field(name="answer", abstains=True),),
)


def sentiment_rows(count, *, positive=0.5, group_size=1):
    return [
        Row(
            {"text": f"review {number}"},
            {"sentiment": (LABELS[number < count * positive],)},
            group=f"g{number // group_size}",
        )
        for number in range(count)
    ]


def parts_of(splits):
    return {"train": splits.train, "val": splits.val, "test": splits.test}


def check_disjoint(splits):
    for (_, one), (_, other) in combinations(parts_of(splits).items(), 2):
        assert not {row.group for row in one} & {row.group for row in other}
        assert not {row.inputs["text"] for row in one} & {row.inputs["text"] for row in other}


def test_each_part_gets_its_share_of_the_rows_and_of_each_outcome():
    splits = split(sentiment_rows(200, positive=0.3), SENTIMENT, seed=0)
    counts = {name: Counter(row.values["sentiment"] for row in part) for name, part in parts_of(splits).items()}
    assert counts == {
        "train": {"negative": 49, "positive": 21},
        "val": {"negative": 49, "positive": 21},
        "test": {"negative": 42, "positive": 18},
    }


def test_the_first_output_with_several_outcomes_is_the_one_that_parts_share():
    mails = Signature(
        name="Mail",
        instructions="Sort.",
        inputs=(Field(name="text"),),
        outputs=(Field(name="problem"), Field(name="urgent", kind="boolean")),
    )
    rows = [
        Row({"text": f"mail {number}"}, {"problem": (f"problem {number}",), "urgent": (number < 20,)})
        for number in range(40)
    ]
    for part in parts_of(split(rows, mails, seed=0)).values():
        assert abs(sum(row.outputs["urgent"][0] for row in part) - len(part) / 2) <= 1
    first = interleaved(rows, mails)[:8]
    assert sum(row.outputs["urgent"][0] for row in first) == 4


def test_an_unanswerable_row_counts_as_an_outcome():
    rows = [
        Row({"question": "q", "context": str(number)}, {"answer": (Unanswerable() if number % 4 else "x",)})
        for number in range(80)
    ]
    splits = split(rows, QA, seed=3)
    shares = [sum(bool(row.values["answer"]) for row in part) / len(part) for part in parts_of(splits).values()]
    assert all(abs(share - 0.25) < 0.03 for share in shares)


def test_the_order_of_the_rows_does_not_matter():
    rows = sentiment_rows(90, group_size=3)
    shuffled = random.Random(5).sample(rows, len(rows))
    assert split(rows, SENTIMENT, seed=1) == split(shuffled, SENTIMENT, seed=1)


def test_another_seed_gives_another_split_with_other_hashes():
    rows = sentiment_rows(90)
    one, other = split(rows, SENTIMENT, seed=1), split(rows, SENTIMENT, seed=2)
    assert not set(one.hashes.values()) & set(other.hashes.values())


def test_the_hashes_tell_which_rows_a_part_has_and_not_their_order():
    splits = split(sentiment_rows(30), SENTIMENT, seed=0)
    turned = type(splits)(splits.train[::-1], splits.val[::-1], splits.test[::-1])
    assert turned.hashes == splits.hashes
    assert set(splits.hashes) == {"train", "val", "test"}
    assert all(len(value) == 64 for value in splits.hashes.values())
    assert type(splits)(splits.train[1:], splits.val, splits.test).hashes["train"] != splits.hashes["train"]


def test_rows_come_shuffled_and_not_by_outcome():
    splits = split(sentiment_rows(200), SENTIMENT, seed=0)
    for part in parts_of(splits).values():
        labels = [row.values["sentiment"] for row in part]
        changes = sum(one != other for one, other in pairwise(labels))
        assert changes > len(part) / 4


@given(
    keys=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30), st.booleans()), min_size=40, max_size=80),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_no_group_and_no_inputs_are_in_two_parts(keys, seed):
    # Rows join through groups and through equal inputs, by chains too.
    rows = [
        Row({"text": str(text)}, {"sentiment": (LABELS[label],)}, group=f"h{group}") for group, text, label in keys
    ] + sentiment_rows(12)
    splits = split(rows, SENTIMENT, seed=seed)
    check_disjoint(splits)
    together = [row.id for part in parts_of(splits).values() for row in part]
    assert sorted(together) == sorted({row.id for row in rows})


def test_inputs_that_differ_in_case_and_spacing_alone_stay_together():
    rows = [
        Row({"text": text.format(number)}, {"sentiment": ("positive",)})
        for number in range(12)
        for text in ("Review {}", " review  {}\n")
    ]
    numbers = [
        {row.values["text"].split()[-1] for row in part} for part in parts_of(split(rows, SENTIMENT, seed=0)).values()
    ]
    assert sum(map(len, numbers)) == 12


def test_a_row_that_occurs_twice_counts_once():
    rows = sentiment_rows(20)
    assert split(rows * 2, SENTIMENT, seed=0) == split(rows, SENTIMENT, seed=0)


def test_many_rows_fill_the_demo_pool_and_cap_the_other_parts():
    splits = split(sentiment_rows(2000), SENTIMENT, seed=0)
    assert [len(part) for part in parts_of(splits).values()] == [1400, 300, 300]


def test_large_groups_do_not_push_a_part_over_its_cap():
    splits = split(sentiment_rows(2000, group_size=70), SENTIMENT, seed=0)
    assert len(splits.val) <= 300
    assert len(splits.test) <= 300
    check_disjoint(splits)


@pytest.mark.parametrize("sizes", [[10, 1, 1], [4, 4, 4], [30, 5, 5, 1, 1], [1000, 1000, 1000]])
def test_groups_of_unlike_size_still_fill_all_parts(sizes):
    rows = [
        Row({"text": f"{group} {number}"}, {"sentiment": (LABELS[group % 2],)}, group=str(group))
        for group, size in enumerate(sizes)
        for number in range(size)
    ]
    splits = split(rows, SENTIMENT, seed=0)
    check_disjoint(splits)
    assert all(parts_of(splits).values())


def test_each_start_of_interleaved_rows_has_each_outcome_in_its_share():
    rows = sentiment_rows(40, positive=0.25)
    random.Random(0).shuffle(rows)
    mixed = interleaved(rows, SENTIMENT)
    assert sorted(row.id for row in mixed) == sorted(row.id for row in rows)
    for size in (4, 8, 16, 40):
        assert sum(row.values["sentiment"] == "positive" for row in mixed[:size]) == size / 4
    for outcome in LABELS:
        assert [row for row in mixed if row.values["sentiment"] == outcome] == [
            row for row in rows if row.values["sentiment"] == outcome
        ]


def test_too_few_rows_are_refused_with_their_number_and_the_number_needed():
    with pytest.raises(DataError, match="There are only 11 different rows, and a split needs at least 12"):
        split(sentiment_rows(11) * 2, SENTIMENT, seed=0)
    assert len(split(sentiment_rows(12), SENTIMENT, seed=0).test) >= 3


def test_too_few_groups_are_refused():
    with pytest.raises(DataError, match="The 40 rows fall into 2 groups, and a split needs at least 3"):
        split(sentiment_rows(40, group_size=20), SENTIMENT, seed=0)
