"""Fit a guard on what a candidate answered."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

import numpy as np

from cribsheet.corrections import Answer, Asked, Evidence, Guard
from cribsheet.corrections.guard import evidence_of, guarded_field
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.frozen.running import Call
from cribsheet.layout.decisions import likeliest
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import Value, is_absent, to_json
from cribsheet.search.candidate import Candidate
from cribsheet.search.corrections.off_topic import least_coverage
from cribsheet.search.corrections.threshold import Stakes, best_threshold
from cribsheet.search.regression import fit_logistic
from cribsheet.signature import Field, Signature
from cribsheet.task import Metric
from cribsheet.text import coverage, idf_of, is_grounded, lead_text, terms

MIN_ROWS = 16
"""The fewest answered rows that a guard is fitted on. Both answerable and unanswerable ones must be among them."""
MIN_KNOWN = 6
"""The fewest if the coverage of all rows is known: the guard is then fitted on the coverage first."""
_NEARLY_ALL = 0.8
_RIDGE = 1.0
_RIDGE_OF_MANY = 0.3  # for signals that are known of all rows, whether a candidate answered them or not
_VARIES = 1e-6

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class _Texts:
    """The inputs that a guard compares, with the weights of their terms."""

    context: str
    lead: tuple[str, ...]
    idf: Mapping[str, float]
    rare: float


@dataclass(frozen=True)
class _Prior:
    """Weights of the signals that need no answer, fitted on all rows."""

    weights: tuple[float, ...]
    """The intercept, then a weight for `coverage` if there is a lead."""
    rows: int


@dataclass(frozen=True)
class _Case:
    """One answered row: its signals, and the scores of either decision."""

    signals: Mapping[str, float]
    stakes: Stakes


class GuardFitter:
    """Fits guards for one predictor. It knows all rows of the demo pool and the valset, answered or not."""

    kind = "guard"

    def __init__(self, signature: Signature, rows: Sequence[Row], metric: Metric, *, predictor: str | None = None):
        self.predictor = predictor
        """The predictor that is guarded; None if the program has only one."""
        self._signature, self._rows, self._metric = signature, rows, metric
        self._field = next(field for field in signature.outputs if field.abstains)
        self._names = [field.name for field in signature.inputs if field.type.is_text]
        self._terms_of: dict[str, frozenset[str]] = {}
        self._scores: dict[tuple[str, str], float] = {}

    def guards(self, predictor: str) -> bool:
        """Tell whether this fitter's guards are for a predictor."""
        return self.predictor in (None, predictor)

    def suits(self, results: Sequence[RowResult]) -> bool:
        """Tell whether there are rows; `fit` decides which of them it can learn from."""
        return bool(results)

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> Guard | None:
        """Return a guard for the candidate that gave these answers; None for a predictor that is not guarded.

        First, the signals that need no answer are fitted on all rows. Then all signals are fitted on the answered rows.
        A ridge pulls the weights towards the first fit, more strongly the fewer rows are answered.

        If too few rows are answered, if all of them are of one kind, or if the model decides better by itself, the
        guard that needs no answers is returned; see `known`.
        """
        if not self.guards(predictor):
            return None
        layout = candidate.prompts[predictor].layout
        answered = [(row, call.inputs, call.answer) for row in results if (call := self._call(row)) is not None]
        texts = self._known_texts or self._texts([inputs for _, inputs, _ in answered])
        if texts is None:
            return self.known
        cases = [
            case
            for row, inputs, answer in answered
            if (case := self._case(texts, row, Asked(self._signature, layout, inputs, 0), answer))
        ]
        least = MIN_KNOWN if self._known_prior is not None and texts.lead else MIN_ROWS
        if len(cases) < least or len({case.stakes.answerable for case in cases}) < 2:
            return self.known
        prior = self._known_prior or self._prior(
            texts, [(inputs, self._answerable(row.example)) for row, inputs, _ in answered]
        )
        guard = _fit(self._blank(texts), cases, prior)
        threshold = best_threshold([(guard.probability(case.signals), case.stakes) for case in cases])
        return self.known if threshold is None else guard.model_copy(update={"threshold": threshold})

    # Signals that need no answer

    @cached_property
    def known(self) -> Guard | None:
        """The guard that is fitted before any row is answered; None if low coverage does not tell off-topic rows.

        It withholds the answers of rows that are off topic. If nearly all unanswerable rows are off topic and answers
        are written, it also withholds answers to other rows with low coverage. Otherwise the model decides there.
        """
        texts, prior = self._known_texts, self._known_prior
        if texts is None or prior is None or not self._least_coverage:
            return None
        blank = self._blank(texts)
        if self._field.is_finite or not self.settles:
            return blank
        intercept, weight = (round(value, 3) for value in prior.weights)
        return blank.model_copy(update={"weights": {"coverage": weight}, "intercept": intercept, "threshold": 0.5})

    @cached_property
    def settles(self) -> bool:
        """Whether nearly all unanswerable rows are off topic. Demos that abstain then teach little."""
        if self._known_texts is None or not self._least_coverage:
            return False
        guard = self._blank(self._known_texts)
        off_topic = [guard.is_off_topic(row.inputs) for row in self._rows if not self._answerable(row)]
        return fmean(off_topic) >= _NEARLY_ALL

    @cached_property
    def _least_coverage(self) -> float:
        texts = self._known_texts
        if texts is None or not texts.lead:
            return 0.0
        return least_coverage([(self._coverage(texts, row.inputs), self._answerable(row)) for row in self._rows])

    @cached_property
    def _known_texts(self) -> _Texts | None:
        """The texts of the rows; None if the predictor has an input that the rows lack."""
        in_rows = all(name in row.inputs for row in self._rows for name in self._names)
        return self._texts([row.inputs for row in self._rows]) if in_rows else None

    @cached_property
    def _known_prior(self) -> _Prior | None:
        if self._known_texts is None:
            return None
        return self._prior(self._known_texts, [(row.inputs, self._answerable(row)) for row in self._rows])

    def _texts(self, given: Sequence[Inputs]) -> _Texts | None:
        if not given:
            return None
        context = max(self._names, key=lambda name: sum(len(str(inputs[name])) for inputs in given))
        lead = tuple(name for name in self._names if name != context)
        if not lead:
            return _Texts(context, (), {}, 1.0)
        idf, rare = idf_of([self._terms(text) for inputs in given for text in self._both(context, lead, inputs)])
        return _Texts(context, lead, idf, rare)

    def _prior(self, texts: _Texts, rows: Sequence[tuple[Inputs, bool]]) -> _Prior:
        columns = [(1.0, self._coverage(texts, inputs)) if texts.lead else (1.0,) for inputs, _ in rows]
        size = len(columns[0])
        # The intercept is free, but for a trace of ridge that keeps it finite if all rows are of one kind.
        ridge = (1e-3, _RIDGE_OF_MANY)[:size]
        targets = [answerable for _, answerable in rows]
        return _Prior(fit_logistic(columns, targets, centre=(0.0,) * size, ridge=ridge), len(rows))

    def _coverage(self, texts: _Texts, inputs: Inputs) -> float:
        there, asked = (self._terms(text) for text in self._both(texts.context, texts.lead, inputs))
        return coverage(asked, there, idf=texts.idf, rare=texts.rare)

    def _both(self, context: str, lead: Sequence[str], inputs: Inputs) -> tuple[str, str]:
        return str(inputs[context]), lead_text(inputs, lead)

    def _terms(self, text: str) -> frozenset[str]:
        if text not in self._terms_of:
            self._terms_of[text] = frozenset(terms(text))
        return self._terms_of[text]

    # Signals of an answer

    def _call(self, row: RowResult) -> Call | None:
        """Return the guarded predictor's last call; None if its answer could not be read."""
        if row.run is None or isinstance(row.run.outputs, ParseFailure):
            return None
        calls = [call for call in row.calls if self.guards(call.predictor)]
        return calls[-1] if calls and not isinstance(calls[-1].answer.outputs, ParseFailure) else None

    def _case(self, texts: _Texts, row: RowResult, asked: Asked, answer: Answer) -> _Case | None:
        evidence = answer.evidence or evidence_of(answer, asked, self._field)
        if is_absent(evidence.answer):
            return None
        decided = None if answer.shares is None else likeliest(self._field, answer.shares)[0]
        unguarded = evidence.answer if decided is None else decided[self._field.name]
        return _Case(
            signals=self._signals(texts, asked.inputs, evidence),
            stakes=Stakes(
                answerable=self._answerable(row.example),
                if_answered=self._score(row, evidence.answer),
                if_abstained=self._score(row, self._field.absent),
                if_unguarded=self._score(row, unguarded),
            ),
        )

    def _signals(self, texts: _Texts, inputs: Inputs, evidence: Evidence) -> dict[str, float]:
        signals = {"abstention": evidence.abstention, "confidence": evidence.confidence}
        if texts.lead:
            signals["coverage"] = self._coverage(texts, inputs)
        if not self._field.is_finite:
            signals["grounded"] = float(is_grounded(evidence.written, str(inputs[texts.context])))
        return signals

    def _answerable(self, row: Row) -> bool:
        return not is_absent(row.outputs[self._field.name][0])

    def _score(self, row: RowResult, value: Value) -> float:
        """Return the program's score with another value of the field. It is remembered, since a metric may be slow."""
        before = row.run.outputs if row.run and not isinstance(row.run.outputs, ParseFailure) else {}
        outputs = {**before, self._field.name: value}
        key = (row.example.id, json.dumps({name: to_json(one) for name, one in outputs.items()}, default=repr))
        if key not in self._scores:
            self._scores[key] = apply_metric(self._metric, row.example, outputs)
        return self._scores[key]

    def _blank(self, texts: _Texts) -> Guard:
        return Guard(
            field=self._field.name,
            context=texts.context,
            lead=texts.lead,
            weights={},
            intercept=0.0,
            threshold=0.0,
            least_coverage=self._least_coverage,
            idf=texts.idf,
            rare=texts.rare,
        )


def guard_fitter(
    signatures: Mapping[str, Signature], outputs: Sequence[Field], rows: Sequence[Row], metric: Metric
) -> GuardFitter | None:
    """Return a fitter for the last predictor whose abstaining output is also an output of the program.

    `signatures` are those of the predictors, `outputs` the program's own. None if there is no such predictor.
    """
    own = {field.name for field in outputs if field.abstains}
    for name, signature in reversed(list(signatures.items())):
        field = guarded_field(signature)
        if field is not None and field.name in own:
            return GuardFitter(signature, rows, metric, predictor=name)
    return None


def _fit(guard: Guard, cases: Sequence[_Case], prior: _Prior) -> Guard:
    """Fit all signals that vary on the answered rows, around the weights that were fitted on all rows."""
    spread = {name: np.ptp([case.signals[name] for case in cases]) for name in cases[0].signals if name != "coverage"}
    names = [name for name, width in spread.items() if width > _VARIES]
    known = ["coverage"] if guard.lead else []
    # Centred, so that the added signals leave the intercept of the first fit in place.
    means = {name: fmean(case.signals[name] for case in cases) for name in names}
    rows = [
        (1.0, *(case.signals[name] for name in known), *(case.signals[name] - mean for name, mean in means.items()))
        for case in cases
    ]
    pull = _RIDGE * max(1.0, prior.rows / len(cases))
    intercept, *fitted = fit_logistic(
        rows,
        [case.stakes.answerable for case in cases],
        centre=(*prior.weights, *(0.0 for _ in names)),
        ridge=(*(pull for _ in prior.weights), *(_RIDGE for _ in names)),
    )
    weights = {name: round(weight, 3) for name, weight in zip([*known, *names], fitted, strict=True)}
    shift = math.fsum(weights[name] * mean for name, mean in means.items())
    return guard.model_copy(update={"intercept": round(intercept - shift, 3), "weights": weights})
