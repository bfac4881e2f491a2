"""Outcomes that no row has are named."""

from cribsheet.dataset.examples import Row
from cribsheet.dataset.unseen_outcomes import unseen_in_words
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.signature import Field, Signature

ROOMS = Field(name="room", kind="label", labels=("kitchen", "bathroom", "garden"))
ANSWER = Field(name="answer", abstains=True)


def rows_with(name: str, *values: Value) -> list[Row]:
    return [Row(inputs={"note": str(number)}, outputs={name: (value,)}) for number, value in enumerate(values)]


def task(field: Field) -> Signature:
    return Signature(name="task", instructions="", inputs=(Field(name="note"),), outputs=(field,))


def test_a_label_without_rows_is_named() -> None:
    told = unseen_in_words(rows_with("room", "kitchen", "bathroom", "kitchen"), task(ROOMS))
    assert told.startswith("No row has 'garden' in room. Add rows")


def test_nothing_is_said_if_every_outcome_has_a_row() -> None:
    assert not unseen_in_words(rows_with("room", "kitchen", "bathroom", "garden"), task(ROOMS))


def test_rows_of_which_none_is_unanswerable_are_told_of() -> None:
    assert "'unanswerable' in answer" in unseen_in_words(rows_with("answer", "two hours"), task(ANSWER))
    assert "'answered' in answer" in unseen_in_words(rows_with("answer", Unanswerable()), task(ANSWER))


def test_of_many_labels_only_some_are_named() -> None:
    field = Field(name="room", kind="label", labels=tuple(f"room {number}" for number in range(100)))
    told = unseen_in_words(rows_with("room", "room 0"), task(field))
    assert "or 94 other outcomes in room" in told
    assert len(told) < 300


def test_an_output_that_no_row_has_is_left_to_the_search() -> None:
    assert not unseen_in_words([Row(inputs={"note": "a"}, outputs={})], task(ROOMS))
