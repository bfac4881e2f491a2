"""A trainset that contradicts itself is told of."""

from cribsheet.dataset.contradictions import contradictions_in_words
from cribsheet.dataset.examples import Row
from cribsheet.outcomes import Value
from toys import QA, SENTIMENT


def row(text: str, *labels: Value) -> Row:
    return Row(inputs={"text": text}, outputs={"sentiment": labels})


def note(*rows: Row) -> str:
    return contradictions_in_words(rows, SENTIMENT, {one.id: number for number, one in enumerate(rows, 1)})


def test_the_same_text_under_opposite_labels_is_named_with_its_rows_and_labels() -> None:
    told = note(row("Fine.", "positive"), row("Dull.", "negative"), row(" fine. ", "negative"))
    assert "rows 1, 3 ('Fine.') are 'positive' and 'negative' in sentiment" in told
    assert "Dull" not in told


def test_labels_are_in_the_order_of_the_rows_that_are_named() -> None:
    first, second = row("Fine.", "positive"), row("fine.", "negative")
    told = contradictions_in_words([second, first], SENTIMENT, {first.id: 1, second.id: 2})
    assert "rows 1, 2 ('Fine.') are 'positive' and 'negative' in sentiment" in told


def test_of_many_the_first_few_are_shown() -> None:
    told = note(*(row(f"Text {n}.", label) for n in range(5) for label in ("positive", "negative")))
    assert told.count(" are 'positive' and 'negative'") == 3
    assert "and 2 more" in told


def test_copies_and_rows_that_share_an_accepted_label_do_not_contradict_each_other() -> None:
    assert not note(row("Fine.", "positive"), row("Fine.", "positive"), row("Fine.", "negative", "positive"))


def test_one_question_may_have_several_written_answers() -> None:
    inputs = {"question": "Who?", "context": "Ann and Bo did."}
    rows = [Row(inputs=inputs, outputs={"answer": (answer,)}) for answer in ("Ann", "Bo")]
    assert not contradictions_in_words(rows, QA, {})
