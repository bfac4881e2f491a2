"""Fit a pointer on what a candidate answered."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cribsheet.corrections.pointer import SIGNALS, Pointer
from cribsheet.corrections.spans import Spans
from cribsheet.dataset.examples import Row
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.layout.parsing import ParseFailure
from cribsheet.outcomes import is_absent
from cribsheet.search.candidate import Candidate
from cribsheet.search.regression import Choices, fit_choices
from cribsheet.signature import Signature
from cribsheet.task import Metric
from cribsheet.text import idf_of, lead_text, terms

POINT_FROM = 32
"""The fewest rows with an answer that a pointer is fitted on."""
RIDGE = 5.0
"""The penalty: a weight of 1 for one standard deviation of a signal costs half of it, in nats."""

_RIGHT = 0.999  # the metric's score of an answer that counts as right


class Choice(NamedTuple):
    """The words of a text, any of which an answer may begin with."""

    signals: np.ndarray
    """The signals of each word: (words, signals)."""
    right: np.ndarray
    """Whether an accepted answer begins at a word: (words,), of bool."""


class PointerFitter:
    """Fits pointers for a task's one predictor. It knows all rows of the demo pool and the valset, answered or not."""

    kind = "pointer"

    def __init__(self, signature: Signature, source: str, rows: Sequence[Row], metric: Metric):
        self._source, self._rows, self._metric = source, rows, metric
        (self._field,) = signature.outputs
        self._lead = tuple(one.name for one in signature.inputs if one.type.is_text and one.name != source)

    def suits(self, results: Sequence[RowResult]) -> bool:
        """Tell whether there are rows; `fit` decides which of them it can learn from."""
        return bool(results)

    def fit(self, predictor: str, candidate: Candidate, results: Sequence[RowResult]) -> Pointer | None:
        """Return the pointer that makes the right words likeliest in these results; None if there are too few."""
        choices = [choice for row in results if (choice := self._choice(row)) is not None]
        if len(choices) < POINT_FROM:
            return None
        weights = fit_pointer(choices)
        rounded = {name: round(float(weight), 4) for name, weight in zip(SIGNALS, weights, strict=True)}
        return self._blank.model_copy(update={"weights": rounded})

    @cached_property
    def _blank(self) -> Pointer:
        texts = [text for row in self._rows for text in (row.inputs[self._source], lead_text(row.inputs, self._lead))]
        idf, rare = idf_of([frozenset(terms(str(text))) for text in texts])
        return Pointer(source=self._source, lead=self._lead, weights={}, idf=idf, rare=rare)

    def _choice(self, row: RowResult) -> Choice | None:
        """Return the words of a row's text; None if the model wrote no answer, or the text contains no right one."""
        if len(row.calls) != 1 or self._field.name not in row.example.outputs:
            return None
        answer, right = row.calls[0].answer, self._right(row.example)
        first_token, written = answer.completion.first_token, answer.raw.outputs
        value = "" if isinstance(written, ParseFailure) else written[self._field.name]
        if not first_token or is_absent(value) or not right.any():
            return None
        text, lead = str(row.example.inputs[self._source]), lead_text(row.example.inputs, self._lead)
        places = self._blank.places(text, lead, written=str(value), first_token=first_token)
        return Choice(np.array([[place.signals[name] for name in SIGNALS] for place in places]), right)

    def _right(self, row: Row) -> np.ndarray:
        """Return for each word of a row's text whether an answer that begins there is right by the metric.

        Tried are all words of each accepted answer and the word before it: many metrics ignore an article.
        """
        spans = Spans(str(row.inputs[self._source]))
        starts = [at for at, _ in spans.words()]
        right = np.zeros(len(starts), dtype=bool)
        for value in row.outputs[self._field.name]:
            for found in re.finditer(re.escape(Spans(str(value)).folded), spans.folded):
                first, end = (bisect_left(starts, at) for at in found.span())
                for place in range(max(0, first - 1), end):
                    answer = {self._field.name: spans.text[starts[place] : found.end()]}
                    right[place] |= bool(apply_metric(self._metric, row, answer) >= _RIGHT)
        return right


def fit_pointer(choices: Sequence[Choice]) -> np.ndarray:
    """Return the weights of the signals that make the right words likeliest, each pulled towards 0."""
    spread = np.vstack([choice.signals for choice in choices]).std(axis=0)
    spread[spread < 1e-6] = 1.0
    shape = (len(choices), max(len(choice.right) for choice in choices))
    signals, right = np.zeros((*shape, len(spread))), np.zeros(shape, dtype=bool)
    offset = np.full(shape, -np.inf)
    for row, choice in enumerate(choices):
        words = len(choice.right)
        signals[row, :words], right[row, :words], offset[row, :words] = choice.signals / spread, choice.right, 0.0
    found: np.ndarray = fit_choices(Choices(signals, right, offset), ridge=np.full(len(spread), RIDGE)) / spread
    return found
