"""Decimals, dates and times are compared by value, inside whatever they stand."""

import datetime
import decimal
from typing import Any

import pytest

from cribsheet import exact_match, record_accuracy, set_f1
from cribsheet.dataset.examples import Example, Prediction
from cribsheet.evaluation.by_value import ByValue
from cribsheet.outcomes import Value
from cribsheet.signature.types import (
    Date,
    DateTime,
    Decimal,
    Integer,
    List,
    MappingType,
    Member,
    Optional,
    Record,
    Text,
    Tuple,
    Union,
    ValueType,
)

PRICE = Record(
    members=(
        Member(name="amount", type=Optional(item=Decimal())),
        Member(name="at", type=DateTime()),
        Member(name="note", type=Text(), required=False, may_be_missing=True),
    )
)
OSLO, UTC = "2024-05-01T11:00:00+02:00", "2024-05-01T09:00:00+00:00"


def scored(metric: Any, kind: ValueType, gold: Value, predicted: Value) -> float:
    row = Example({"text": "x"}, {"found": (gold,)})
    return float(ByValue(metric, {"found": kind})(row, Prediction({"found": predicted})))


@pytest.mark.parametrize(
    ("kind", "gold", "predicted"),
    [
        (Decimal(), "1.50", "1.5"),
        (DateTime(), OSLO, UTC),
        (Optional(item=Decimal()), "20", "20.0"),
        (Tuple(items=(Text(), Decimal())), ["1.0", "1.0"], ["1.0", "1"]),
        (MappingType(item=Decimal()), {"a": "1.0"}, {"a": "1"}),
        (Union(options=(Decimal(), Text())), "1.0", "1"),
        (PRICE, {"amount": "1.0", "at": OSLO}, {"amount": "1", "at": UTC}),
        (List(item=PRICE), [{"amount": None, "at": OSLO}], [{"amount": None, "at": UTC}]),
    ],
)
def test_the_same_value_in_other_digits_or_another_time_zone_is_right(
    kind: ValueType, gold: Value, predicted: Value
) -> None:
    for metric in (exact_match, record_accuracy, *([set_f1] if isinstance(kind, List) else [])):
        assert not metric(Example({}, {"found": (gold,)}), Prediction({"found": predicted}))
        assert scored(metric, kind, gold, predicted) == 1


def test_another_value_is_wrong_and_texts_stay_texts() -> None:
    assert scored(exact_match, Decimal(), "1.50", "1.51") == 0
    assert scored(exact_match, Text(), "1.50", "1.5") == 0
    assert scored(exact_match, Date(), "2024-05-01", "2024-05-02") == 0
    assert scored(
        record_accuracy, PRICE, {"amount": "1", "at": OSLO}, {"amount": "1", "at": OSLO, "note": ""}
    ) == pytest.approx(2 / 3)


def test_a_metric_gets_what_python_has_and_what_is_not_of_the_kind_as_it_is() -> None:
    seen: list[Any] = []

    def metric(example: Any, prediction: Any, trace: object = None) -> bool:
        seen.extend((example.found, prediction.found))
        return True

    scored(metric, Date(), "2024-05-01", "soon")
    scored(metric, Decimal(), "1.50", None)
    assert seen == [datetime.date(2024, 5, 1), "soon", decimal.Decimal("1.5"), None]


def test_fields_may_be_named_like_methods() -> None:
    kinds = {name: Decimal() for name in ("items", "outputs", "values", "text")}
    row = Example({"inputs": "x"}, dict.fromkeys(kinds, ("1.50",)))
    assert ByValue(exact_match, kinds)(row, Prediction(dict.fromkeys(kinds, "1.5")))


def test_sets_are_compared_by_value_and_what_own_code_returns_stays_as_it_is() -> None:
    times = List(item=DateTime(), unique=True)
    gold, said = ["2024-05-01T10:00:00+00:00", OSLO], [UTC, "2024-05-01T10:00:00+00:00"]
    assert scored(exact_match, times, gold, said) == scored(record_accuracy, times, gold, said) == 1
    assert scored(exact_match, List(item=Decimal(), unique=True), ["1.5"], ["1.5", "1.50"]) == 1
    assert scored(exact_match, Integer(), 3, "3") == 0
