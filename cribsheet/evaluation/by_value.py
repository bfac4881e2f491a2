"""Compare decimals, dates and times by value, without the user's own types."""

from collections.abc import Mapping
from functools import update_wrapper
from typing import Any

from cribsheet.dataset.examples import Example, Prediction
from cribsheet.outcomes import is_absent
from cribsheet.signature.types import ValueType
from cribsheet.task import Metric


class ByValue:
    """A metric that gets decimals, dates and times as Python has them, as it gets them where the user's types run.

    Else 1.50 and 1.5 would be the same price where the task's code is at hand, and different ones elsewhere.

    >>> from cribsheet.evaluation.metrics import exact_match
    >>> from cribsheet.signature.types.decimal_number import Decimal
    >>> row, said = Example({"text": "…"}, {"price": ("1.50",)}), Prediction({"price": "1.5"})
    >>> exact_match(row, said), ByValue(exact_match, {"price": Decimal()})(row, said)
    (False, True)
    """

    def __init__(self, metric: Metric, kinds: Mapping[str, ValueType]):
        update_wrapper(self, metric)  # keeps its name and its parameters
        self.__name__ = getattr(metric, "__name__", type(metric).__name__)
        self._metric, self._kinds = metric, kinds

    def __call__(self, example: Example, prediction: Prediction, *further: Any) -> Any:
        """Return the metric's value."""
        accepted = {
            name: tuple(self._python(name, value) for value in values) for name, values in example._accepted.items()
        }
        predicted = {name: self._python(name, prediction[name]) for name in prediction}
        text, probability = prediction._text, prediction._probability
        right = Example(example._inputs, accepted)
        return self._metric(right, Prediction(predicted, text=text, probability=probability), *further)

    def _python(self, name: str, value: Any) -> Any:
        kind = self._kinds.get(name)
        if kind is None or is_absent(value):
            return value
        try:
            kept = kind.coerce(value)
        except ValueError:  # a program's own code may return anything
            return value
        found = kind.python_value(kept)
        return value if found == kept else found  # else "3" would be the number 3
