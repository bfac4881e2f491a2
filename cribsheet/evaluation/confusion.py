"""Which labels are taken for which, over many predictions."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from cribsheet.errors import MetricError
from cribsheet.evaluation.metrics import Outcomes

MOST = 100
"""The most outcomes of a matrix, whose size is the square of their number."""


class Confusion(NamedTuple):
    """How often each outcome was predicted for each gold outcome."""

    outcomes: tuple[str, ...]
    """The outcomes, in the order of the rows and the columns; of more than `MOST`, those that are confused most."""
    counts: tuple[tuple[int, ...], ...]
    """One row per gold outcome, one column per predicted outcome."""
    unread: tuple[int, ...]
    """By gold outcome, how many rows have no prediction, or one that is not among the outcomes."""

    def most_frequent(self, limit: int) -> list[tuple[str, str, int]]:
        """Return the most frequent mistakes: the gold outcome, the predicted outcome, and how often it happened."""
        mistakes = [
            (gold, predicted, count)
            for gold, row in zip(self.outcomes, self.counts, strict=True)
            for predicted, count in zip(self.outcomes, row, strict=True)
            if count and gold != predicted
        ]
        return sorted(mistakes, key=lambda mistake: -mistake[2])[:limit]


def confusion(pairs: Outcomes, outcomes: Sequence[str]) -> Confusion:
    """Return the confusion matrix of pairs of a gold and a predicted outcome.

    If there are more than `MOST` outcomes, it has those of the most frequent mistakes.

    >>> confusion([("good", "good"), ("good", "bad"), ("bad", "")], ["bad", "good"]).counts
    ((0, 0), (1, 1))
    """
    counted, known = Counter(pairs), set(outcomes)
    unread = Counter(gold for gold, predicted in pairs if predicted not in known)
    if len(outcomes) > MOST:
        outcomes = _most_confused(counted, outcomes)
    return Confusion(
        tuple(outcomes),
        tuple(tuple(counted[gold, predicted] for predicted in outcomes) for gold in outcomes),
        tuple(unread[gold] for gold in outcomes),
    )


def _most_confused(counted: Counter[tuple[str, str]], outcomes: Sequence[str]) -> list[str]:
    known = set(outcomes)
    mistakes = (pair for pair, _ in counted.most_common() if pair[0] != pair[1] and known.issuperset(pair))
    kept = set(list(dict.fromkeys(outcome for pair in mistakes for outcome in pair))[:MOST])
    return [outcome for outcome in outcomes if outcome in kept]


def macro_f1(pairs: Outcomes) -> float:
    """Return the mean over the outcomes of their F1, 0 to 1; rare outcomes count as much as frequent ones.

    It is the mean of the F1 values, not the F1 of mean precision and mean recall (Opitz & Burst 2019, "Macro F1 and
    Macro F1"), as in scikit-learn's `f1_score(average="macro")`. The outcomes are those that are gold on some row, or
    predicted on one; an empty prediction is none.

    >>> round(macro_f1([("good", "good"), ("good", "good"), ("bad", "good"), ("bad", "bad")]), 3)
    0.733
    """
    if not pairs:
        raise MetricError("Macro-F1 of no rows is undefined. Score at least one row.")
    gold = Counter(gold for gold, _ in pairs)
    predicted = Counter(predicted for _, predicted in pairs if predicted)
    right = Counter(gold for gold, predicted in pairs if gold == predicted)
    figures = [2 * right[one] / (gold[one] + predicted[one]) for one in {**gold, **predicted}]
    return math.fsum(figures) / len(figures)
