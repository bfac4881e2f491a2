"""Fit a guard on what a candidate answered."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cribsheet.evaluate import RowResult
from cribsheet.examples import Example, Prediction
from cribsheet.guard import Guard, terms
from cribsheet.metrics import Metric, apply_metric
from cribsheet.outcomes import Unanswerable
from cribsheet.parsing import ParseFailure
from cribsheet.signature import Signature

SIGNALS = ("coverage", "grounded", "confidence")
MIN_ROWS = 16
"""The fewest answered rows that a guard is fitted on, both kinds among them."""
_RIDGE = 1.0
_SWEEPS = 25
_COMMON = 0.02


@dataclass(frozen=True)
class _Case:
    """One answered row: its signals, whether an answer belongs there, what answering and abstaining score."""

    signals: Mapping[str, float]
    answerable: bool
    if_answered: float
    if_abstained: float


class GuardFitter:
    """Fits guards for one signature; knows how rare each term of the questions is."""

    def __init__(self, signature: Signature, rows: Sequence[Example], metric: Metric):
        self._metric = metric
        self._field = next(field.name for field in signature.outputs if field.abstains)
        self._context = _longest_input(signature, rows)
        self._lead = next(field.name for field in signature.inputs if field.name != self._context)
        self._idf, self._rare = _idf([str(row.inputs[self._lead]) for row in rows])

    @staticmethod
    def suits(signature: Signature) -> bool:
        """Tell whether there is an abstaining text output, a text that asks and a text that should answer."""
        texts = [field for field in signature.inputs if field.kind == "text"]
        (output, *others) = signature.outputs
        return output.abstains and output.kind == "text" and not others and len(texts) >= 2

    def __call__(self, results: Sequence[RowResult]) -> Guard | None:
        """Return the guard of a candidate that gave these answers; None where they are too few."""
        blank = Guard(
            field=self._field,
            lead=self._lead,
            context=self._context,
            weights=dict.fromkeys(SIGNALS, 0.0),
            intercept=0.0,
            threshold=0.0,
            idf=self._idf,
            rare=self._rare,
        )
        cases = [case for row in results if (case := self._case(blank, row)) is not None]
        if len(cases) < MIN_ROWS or len({case.answerable for case in cases}) < 2:
            return None
        fitted = _fit(blank, cases)
        return fitted.model_copy(update={"threshold": _best_threshold(fitted, cases)})

    def _case(self, blank: Guard, row: RowResult) -> _Case | None:
        if row.run is None or isinstance(row.run.prediction, ParseFailure):
            return None
        answer = row.run.prediction.outputs[self._field]
        if isinstance(answer, Unanswerable):
            return None
        answerable = not isinstance(getattr(row.example, self._field), Unanswerable)
        (call,) = row.run.calls
        signals = blank.signals(call.inputs, str(answer), call.answer.completion)
        abstained = apply_metric(self._metric, row.example, Prediction({self._field: Unanswerable()}))
        return _Case(signals, answerable, row.score, abstained)


def _longest_input(signature: Signature, rows: Sequence[Example]) -> str:
    texts = [field.name for field in signature.inputs if field.kind == "text"]
    return max(texts, key=lambda name: sum(len(str(row.inputs[name])) for row in rows))


def _idf(leads: Sequence[str]) -> tuple[dict[str, float], float]:
    """Return the idf of the common terms, and what all rarer ones count."""
    seen = Counter(term for lead in leads for term in set(terms(lead)))
    total = len(leads)
    common = {term: count for term, count in sorted(seen.items()) if count > max(2, _COMMON * total)}
    rare = round(math.log(total + 1), 3)
    return {term: round(math.log((total + 1) / (count + 1)), 3) for term, count in common.items()}, rare


def _fit(guard: Guard, cases: Sequence[_Case]) -> Guard:
    """Fit ridge logistic regression by coordinate-wise Newton steps."""
    columns = [[1.0] * len(cases), *([case.signals[name] for case in cases] for name in SIGNALS)]
    targets = [float(case.answerable) for case in cases]
    weights = [0.0] * len(columns)
    for _ in range(_SWEEPS):
        for position, column in enumerate(columns):
            logits = [sum(w * x for w, x in zip(weights, row, strict=True)) for row in zip(*columns, strict=True)]
            means = [1 / (1 + math.exp(-logit)) for logit in logits]
            ridge = _RIDGE if position else 0.0
            slope = ridge * weights[position] + math.fsum(
                (mean - target) * x for mean, target, x in zip(means, targets, column, strict=True)
            )
            bend = ridge + math.fsum(mean * (1 - mean) * x * x for mean, x in zip(means, column, strict=True))
            weights[position] -= slope / max(bend, 1e-6)
    intercept, *rest = (round(weight, 3) for weight in weights)
    return guard.model_copy(update={"intercept": intercept, "weights": dict(zip(SIGNALS, rest, strict=True))})


def _best_threshold(guard: Guard, cases: Sequence[_Case]) -> float:
    """Return the threshold with the highest total score: 0 if nothing beats that, else mid-plateau."""
    ranked = sorted(((guard.probability(case.signals), case) for case in cases), key=lambda pair: pair[0])
    cuts = [0.0, *((a[0] + b[0]) / 2 for a, b in pairwise(ranked)), 1.0]
    totals = [
        math.fsum(case.if_answered if probability >= cut else case.if_abstained for probability, case in ranked)
        for cut in cuts
    ]
    best = max(totals) - 1e-9
    if totals[0] >= best:
        return 0.0
    plateau = [cut for cut, total in zip(cuts, totals, strict=True) if total >= best]
    # Rounded down, so that a case that stands on the cut still stands.
    return math.floor(plateau[len(plateau) // 2] * 1e6) / 1e6
