"""Metrics of answers that are numbers."""

import math
import re
import unicodedata
from decimal import Decimal
from typing import Any

from cribsheet.errors import MetricError
from cribsheet.evaluation.metrics import accepted_values, only_name, value_of
from cribsheet.outcomes import is_absent
from cribsheet.task import Metric

Number = int | float

_NUMBER = re.compile(r"(?<![A-Za-z0-9_.])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\d)")
_ROUNDING = 1e-9
"""The relative error that floating-point arithmetic may leave in a right result."""


def numeric_match(example: Any, prediction: Any, trace: object = None) -> bool:
    """Tell whether the only output is an accepted number; of a text, its last number counts.

    Taking the last number follows the evaluation of GSM8K (Cobbe et al. 2021, "Training Verifiers to Solve Math Word
    Problems") in the variant `flexible-extract` of EleutherAI's lm-evaluation-harness. `1,200` and `1200.0` are the
    same number. `Unanswerable` is right if it is accepted.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> row = Example({"question": "What is 3 times 400?"}, {"answer": (1200,)})
    >>> numeric_match(row, Prediction({"answer": "3 * 400 = 1,200."})), numeric_match(row, Prediction({"answer": 12}))
    (True, False)
    """
    return _matches(example, prediction, absolute=0.0, relative=0.0, metric="numeric_match")


def numeric_within(*, absolute: float = 0.0, relative: float = 0.0) -> Metric:
    """Return a metric that accepts a number that differs from an accepted one by at most a tolerance.

    The tolerance is `absolute`, or the share `relative` of the accepted number, whichever is larger.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> row = Example({"text": "about 50 km"}, {"miles": (31.07,)})
    >>> numeric_within(relative=0.01)(row, Prediction({"miles": 31})), numeric_match(row, Prediction({"miles": 31}))
    (True, False)
    """
    for name, tolerance in (("absolute", absolute), ("relative", relative)):
        if not (math.isfinite(tolerance) and tolerance >= 0):
            raise MetricError(f"{name} must be a finite number from 0 on but got {tolerance!r}. Give such as 0.01.")

    def metric(example: Any, prediction: Any, trace: object = None) -> bool:
        return _matches(example, prediction, absolute=absolute, relative=relative, metric=metric.__name__)

    parts = (("absolute", absolute), ("relative", relative))
    metric.__name__ = f"numeric_within_{'_'.join(f'{name}_{value:g}' for name, value in parts if value) or '0'}"
    return metric


def number_in(value: object) -> Number | None:
    """Return a number, or the last number of a text; None if there is none.

    >>> number_in("From 1,200 to −3.5 %."), number_in("none")
    (-3.5, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if isinstance(value, int) or math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if not isinstance(value, str):
        return None
    found = [one for one in _NUMBER.findall(unicodedata.normalize("NFKC", value)) if any(map(str.isdecimal, one))]
    return _parsed(found[-1]) if found else None


def _parsed(text: str) -> Number | None:
    plain = text.replace(",", "").replace("−", "-")
    try:
        number = float(plain)
        return int(plain) if plain.lstrip("+-").isdecimal() else number if math.isfinite(number) else None
    except ValueError:  # more digits than Python reads
        return None


def _matches(example: Any, prediction: Any, *, absolute: float, relative: float, metric: str) -> bool:
    name = only_name(example, prediction, metric=metric)
    predicted = value_of(prediction, name)
    return any(
        _is_near(value, predicted, absolute=absolute, relative=relative)
        for value in accepted_values(example, prediction, name)
    )


def _is_near(accepted: object, predicted: object, *, absolute: float, relative: float) -> bool:
    if is_absent(accepted) or is_absent(predicted):
        return is_absent(accepted) and is_absent(predicted)
    right, said = number_in(accepted), number_in(predicted)
    if right is None or said is None:
        return False
    if right == said:  # integers are compared exactly, however large
        return True
    if isinstance(right, int) and isinstance(said, int) and not (absolute or relative):
        return False
    try:
        return abs(said - right) <= max(absolute, max(relative, _ROUNDING) * abs(right)) * (1 + _ROUNDING)
    except OverflowError:  # an integer beyond the range of floats
        return False
