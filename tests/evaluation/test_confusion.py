"""A confusion matrix, and the mean F1 of all labels."""

import pytest

from cribsheet.errors import MetricError
from cribsheet.evaluation.confusion import MOST, confusion, macro_f1
from cribsheet.report.confusion import confusion_table

PAIRS = [("a", "a"), ("a", "b"), ("a", "b"), ("b", "b"), ("c", "a"), ("c", "")]


def test_a_matrix_has_a_row_per_gold_label_and_what_has_no_label_apart():
    found = confusion(PAIRS, ["a", "b", "c"])
    assert found.counts == ((1, 2, 0), (0, 1, 0), (1, 0, 0))
    assert found.unread == (0, 0, 1)
    assert sum(map(sum, found.counts)) + sum(found.unread) == len(PAIRS)
    assert found.most_frequent(1) == [("a", "b", 2)]


def test_of_very_many_labels_a_matrix_has_those_of_the_most_frequent_mistakes():
    labels = [str(number) for number in range(10_000)]
    often = [("7", "9998")] * 3 + [("9998", "7")] * 2
    found = confusion([*often, *((label, labels[place - 1]) for place, label in enumerate(labels)), ("3", "")], labels)
    assert len(found.outcomes) == len(found.counts) == MOST
    assert found.most_frequent(2) == [("7", "9998", 3), ("9998", "7", 2)]
    right = confusion([(label, label) for label in labels], labels)
    assert (right.outcomes, confusion_table(right)) == ((), None)


def test_macro_f1_is_that_of_scikit_learn():
    # sklearn's f1_score of these pairs with labels=["a", "b", "c"], average="macro"
    assert macro_f1(PAIRS) == pytest.approx((2 / 5 + 2 / 4 + 0) / 3)


def test_a_label_that_is_predicted_but_never_right_counts():
    assert macro_f1([("a", "a"), ("a", "x")]) == pytest.approx((2 / 3 + 0) / 2)


def test_macro_f1_of_no_rows_is_refused():
    with pytest.raises(MetricError, match="Macro-F1 of no rows"):
        macro_f1([])
