"""What an engine has read before is told from the order of the prompts."""

import math
from itertools import pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cribsheet.budget.prefixes import Everything, OneSlot

GOOD, BAD = "Good: superb. " * 10, "Bad: dull. " * 10
READ_AGAIN = 8
"""Bytes."""


def read(prefixes: OneSlot, *texts: str) -> list[int]:
    """Return how much of each text had been read, a token a word."""
    return [prefixes.read(text, tokens=len(text.split())) for text in texts]


def common_start(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def ended(texts: list[str]) -> list[str]:
    """Return texts none of which starts another."""
    return [f"{text}{number:c}{'.' * 9}" for number, text in enumerate(texts, ord("0"))]


def alternating(rows: int) -> list[str]:
    return [start + f"Row {row} is dull" for row in range(rows) for start in (GOOD, BAD)]


def test_the_first_prompt_is_all_new() -> None:
    assert read(OneSlot(1000), GOOD) == [0]


@pytest.mark.parametrize(
    "texts",
    [(GOOD, GOOD), (GOOD, GOOD + "positive"), (GOOD + "positive", GOOD), (GOOD + "Won", GOOD + "Aw")],
)
def test_the_end_of_a_prompt_is_read_again_if_nothing_or_one_token_follows(texts: tuple[str, str]) -> None:
    assert read(OneSlot(1000), *texts) == [0, len(GOOD) - READ_AGAIN]


def test_the_end_is_told_in_bytes_and_whole_characters() -> None:
    text = "服务员态度很好。" * 10
    assert read(OneSlot(1000), text, text) == [0, len(text) - math.ceil(READ_AGAIN / 3)]


def test_rows_of_one_candidate_share_its_demos() -> None:
    assert read(OneSlot(0), GOOD + "Row 1 is dull", GOOD + "Row 2 is dull", GOOD + "Text 3 is dull")[1:] == [
        len(GOOD + "Row "),
        len(GOOD),
    ]


def test_two_alternating_candidates_are_both_held_within_the_capacity() -> None:
    words = len(GOOD.split()) + len(BAD.split()) + 8
    shared = [len(GOOD + "Row "), len(BAD + "Row ")]
    assert read(OneSlot(words), *alternating(4)) == [0, 0, *shared * 3]


def test_beyond_the_capacity_the_older_one_is_read_again() -> None:
    words = len(GOOD.split()) + len(BAD.split()) + 7
    assert read(OneSlot(words), *alternating(4)) == [0] * 8


def test_without_a_capacity_only_the_prompt_before_is_held() -> None:
    prefixes = OneSlot(0)
    assert read(prefixes, GOOD + "Row 1 is dull", BAD + "Row 1 is dull", GOOD + "Row 2 is dull") == [0, 0, 0]
    assert read(prefixes, GOOD + "Row 3 is dull") == [len(GOOD + "Row ")]


def test_one_prompt_is_held_however_long_it_is() -> None:
    assert read(OneSlot(3), GOOD, GOOD) == [0, len(GOOD) - READ_AGAIN]


def test_of_several_that_are_held_the_longest_common_start_counts() -> None:
    prefixes = OneSlot(1000)
    read(prefixes, GOOD + "Row 1 is dull", BAD + "Row 1 is dull")
    assert read(prefixes, GOOD[: len(GOOD) // 2] + "nothing more") == [len(GOOD) // 2]
    assert read(prefixes, BAD) == [len(BAD) - READ_AGAIN]


def test_a_prompt_that_shares_most_takes_the_others_place() -> None:
    """The slot is written over: what the two do not share is no longer held."""
    prefixes = OneSlot(1000)
    half = GOOD[: len(GOOD) * 3 // 4]
    assert read(prefixes, GOOD, half + "x" * 99, GOOD) == [0, len(half), len(half)]


def test_a_prompt_that_shares_little_leaves_the_other_where_it_is() -> None:
    prefixes = OneSlot(1000)
    little = GOOD[: len(GOOD) // 4]
    assert read(prefixes, GOOD, little + "x" * 99, GOOD + "!") == [0, len(little), len(GOOD) - READ_AGAIN]


@pytest.mark.parametrize("rows", [3, 6])
def test_what_was_used_last_is_kept_longest(rows: int) -> None:
    """A third candidate pushes out the one that was not asked for longest."""
    prefixes = OneSlot(len(GOOD.split()) + len(BAD.split()) + 8)
    read(prefixes, *alternating(rows))
    read(prefixes, "Third. " * 8)
    assert read(prefixes, BAD + "Row 9 is dull") == [len(BAD + "Row ")]
    assert read(prefixes, GOOD + "Row 9 is dull") == [0]


@given(
    texts=st.lists(st.text("ab", max_size=12), max_size=12),
    capacity=st.integers(min_value=0, max_value=60),
)
def test_never_more_is_shared_than_with_some_prompt_before(texts: list[str], capacity: int) -> None:
    prefixes, before = OneSlot(capacity), [""]
    for text in ended(texts):
        found = prefixes.read(text, tokens=len(text))
        common = [common_start(text, one) for one in before]
        assert found in common
        assert found >= common[-1]
        before.append(text)


@given(st.lists(st.text("ab", max_size=12), min_size=1, max_size=12))
def test_without_a_capacity_as_much_is_shared_as_with_the_prompt_before(texts: list[str]) -> None:
    prefixes, texts = OneSlot(0), ended(texts)
    found = [prefixes.read(text, tokens=len(text) + 1) for text in texts]
    assert found == [0, *(common_start(*pair) for pair in pairwise(texts))]


@given(st.lists(st.text("ab", max_size=12), min_size=1, max_size=20))
def test_a_server_may_hold_every_prompt_that_there_was(texts: list[str]) -> None:
    everything = Everything()
    for number, text in enumerate(texts):
        longest = max((common_start(text, one) for one in texts[:number]), default=0)
        assert everything.copy().read(text, tokens=1) == longest
        assert everything.read(text, tokens=1) == longest
