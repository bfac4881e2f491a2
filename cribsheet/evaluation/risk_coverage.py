"""Say how good the answers are that a program is surest of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from cribsheet.evaluation.metrics import Outcomes, balanced_accuracy
from cribsheet.outcomes import ANSWERED, UNANSWERABLE


@dataclass(frozen=True)
class Point:
    """What it costs to answer so many of the rows."""

    coverage: float
    """The share of the rows that are answered, the surest first."""
    risk: float
    """1 less the mean score of those answers."""


def risk_coverage(answers: Sequence[tuple[float, float]], *, rows: int | None = None) -> tuple[Point, ...]:
    """Return the risk-coverage curve of answers, each as how sure the program is and its score.

    `rows` is how many there were to answer, where some have no answer at all. As in El-Yaniv & Wiener
    (2010, "On the Foundations of Noise-free Selective Classification"); answers that are equally sure
    count with their mean score, so that the order of the rows does not matter.

    >>> [(point.coverage, point.risk) for point in risk_coverage([(0.9, 1.0), (0.4, 0.0)])]
    [(0.5, 0.0), (1.0, 0.5)]
    """
    ranked = sorted(answers, key=lambda answer: -answer[0])
    smoothed: list[float] = []
    for _, tied in groupby(ranked, key=lambda answer: answer[0]):
        scores = [score for _, score in tied]
        smoothed += [math.fsum(scores) / len(scores)] * len(scores)
    points, total = [], 0.0
    for count, score in enumerate(smoothed, 1):
        total += score
        points.append(Point(count / (rows or len(smoothed)), 1 - total / count))
    return tuple(points)


def area(curve: Sequence[Point]) -> float | None:
    """Return the area under a risk-coverage curve, over the coverages that it reaches; None if there are none.

    The mean risk over all coverages (Geifman & El-Yaniv 2017, "Selective Classification for Deep Neural
    Networks"; AURC), 0 at best. A program that does not know when it is right has the risk of answering all.

    >>> area(risk_coverage([(0.9, 1.0), (0.4, 0.0)]))
    0.25
    """
    return math.fsum(point.risk for point in curve) / len(curve) if curve else None


def balanced_abstention(pairs: Outcomes) -> float | None:
    """Return the mean of how often unanswerable rows are abstained from and answerable ones answered.

    Takes pairs of the gold outcome and the predicted one, empty if there is no prediction, which is
    neither. None if the rows are all of one kind.

    >>> balanced_abstention([("unanswerable", "unanswerable"), ("large", "small"), ("small", "unanswerable")])
    0.75
    """
    kinds = [(_kind(gold), _kind(predicted)) for gold, predicted in pairs]
    return balanced_accuracy(kinds) if len({gold for gold, _ in kinds}) == 2 else None


def _kind(outcome: str) -> str:
    return outcome if outcome in ("", UNANSWERABLE) else ANSWERED
