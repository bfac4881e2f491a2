"""Measure selective answering: how good a program's surest answers are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from cribsheet.evaluation.metrics import Outcomes, balanced_accuracy
from cribsheet.outcomes import ANSWERED, UNANSWERABLE


@dataclass(frozen=True)
class Point:
    """One point of a risk-coverage curve."""

    coverage: float
    """The share of the rows that are answered, the surest first."""
    risk: float
    """1 minus the mean score of those answers."""


def risk_coverage(answers: Sequence[tuple[float, float]], *, rows: int | None = None) -> tuple[Point, ...]:
    """Return the risk-coverage curve of answers, given as pairs of probability and score.

    `rows` is the number of all rows, if some have no answer at all. The curve follows El-Yaniv & Wiener (2010, "On the
    Foundations of Noise-free Selective Classification"). Answers with the same probability count with their mean
    score, so that the order of the rows does not matter.

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
    """Return the area under a risk-coverage curve, over the coverages that it has; None if the curve is empty.

    This is the mean risk over all coverages (AURC; Geifman & El-Yaniv 2017, "Selective Classification for Deep Neural
    Networks"); 0 is best. If the probabilities say nothing about the scores, it is the risk of answering every row.

    >>> area(risk_coverage([(0.9, 1.0), (0.4, 0.0)]))
    0.25
    """
    return math.fsum(point.risk for point in curve) / len(curve) if curve else None


def balanced_abstention(pairs: Outcomes) -> float | None:
    """Return the balanced accuracy of abstaining: the mean of two shares.

    The first is the share of the unanswerable rows on which the program abstains, the second the share of the
    answerable rows that it answers. A predicted outcome is empty if there is no prediction, which counts as neither.
    None if all rows are answerable or all are unanswerable.

    >>> balanced_abstention([("unanswerable", "unanswerable"), ("large", "small"), ("small", "unanswerable")])
    0.75
    """
    kinds = [(_kind(gold), _kind(predicted)) for gold, predicted in pairs]
    return balanced_accuracy(kinds) if len({gold for gold, _ in kinds}) == 2 else None


def _kind(outcome: str) -> str:
    return outcome if outcome in ("", UNANSWERABLE) else ANSWERED
