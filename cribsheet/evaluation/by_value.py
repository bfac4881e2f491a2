"""Compare decimals, dates and times by value, without the user's own types."""

from collections.abc import Mapping
from functools import update_wrapper
from typing import Any

from cribsheet.dataset.examples import Example, Prediction
from cribsheet.outcomes import is_absent
from cribsheet.signature.types import ValueType
from cribsheet.task import Metric


class ByValue:
    """A metric that gets decimals, dates and times as Python's own types.

    With the task's code, a metric gets the user's types. Without it, it would get texts, of which 1.50 and 1.5 differ.

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
        return self._metric(example._converted(self._python), prediction._converted(self._python), *further)

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
