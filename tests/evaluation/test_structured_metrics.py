"""Lists and records are scored by their parts, in the user's own types as in JSON."""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import dspy
import pytest
from pydantic import BaseModel

from cribsheet import Unanswerable, json_valid, record_accuracy, set_f1
from cribsheet.dataset.examples import Example, Prediction
from cribsheet.errors import MetricError


class Person(BaseModel):
    name: str
    age: int | None = None
    born: datetime.date | None = None


@dataclass
class Price:
    amount: Decimal


def scored(metric: Any, gold: tuple[Any, ...], predicted: Any) -> float:
    return float(metric(Example({"text": "x"}, {"found": gold}), Prediction({"found": predicted})))


@pytest.mark.parametrize(
    ("gold", "predicted", "score"),
    [
        ((["Ann", "Bob"],), ["bob", "Ann "], 1.0),
        ((["Ann", "Bob"],), ["Ann"], 2 / 3),
        ((["Ann"],), ["Ann", "Ann"], 2 / 3),
        (([],), [], 1.0),
        (([],), ["Ann"], 0.0),
        ((["Ann"], ["Ann", "Bob"]), ["Ann", "Bob"], 1.0),
        (({"a", "b"},), {"b", "c"}, 0.5),
        ((None,), None, 1.0),
        ((Unanswerable(),), ["a"], 0.0),
        (([Person(name="Ann")],), [Person(name="ann")], 1.0),
        ((["Ann"], []), [], 1.0),
        (([Decimal("1.50"), Decimal(20)],), [Decimal("20.0"), Decimal("1.5")], 1.0),
    ],
)
def test_set_f1_counts_the_values_that_are_the_same(gold: Any, predicted: Any, score: float) -> None:
    assert scored(set_f1, gold, predicted) == pytest.approx(score)


def test_a_value_in_the_wrong_output_is_not_found() -> None:
    row = Example({"text": "x"}, {"people": (["Ann"],), "places": (["Rome"],)})
    assert set_f1(row, Prediction({"people": ["Rome"], "places": ["Ann"]})) == 0
    assert set_f1(row, Prediction({"people": ["Ann"], "places": []})) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("gold", "predicted", "score"),
    [
        (({"name": "Ann", "age": 3},), {"name": "ann ", "age": 3}, 1.0),
        (({"name": "Ann", "age": 3},), {"name": "Ann", "age": "3"}, 0.5),
        (({"name": "Ann", "home": {"city": "Rome", "street": "A"}},), {"name": "Ann", "home": {"city": "Rome"}}, 2 / 3),
        ((Person(name="Ann", born=datetime.date(2000, 1, 2)),), Person(name="Ann"), 2 / 3),
        ((None,), None, 1.0),
        ((None,), {"name": "Ann", "age": 3}, 0.0),
        (({"name": "Ann", "age": 3}, None), None, 1.0),
        (({"tags": ["a", "b"]},), {"tags": ["b", "a"]}, 0.0),
        (({"tags": {0, 8}},), {"tags": {8, 0}}, 1.0),  # the two sets come in different orders
        ((Price(amount=Decimal("1.50")),), Price(amount=Decimal("1.5")), 1.0),
        ((Price(amount=Decimal("-0.00")),), Price(amount=Decimal("0")), 1.0),
        ((Price(amount=Decimal("1E+90")),), Price(amount=Decimal("1.0E+90")), 1.0),
        ((Price(amount=Decimal("1E+2")),), Price(amount=Decimal("100.01")), 0.0),
    ],
)
def test_record_accuracy_is_the_share_of_right_fields(gold: Any, predicted: Any, score: float) -> None:
    assert scored(record_accuracy, gold, predicted) == pytest.approx(score)


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ('{"port": 80, "hosts": []}', True),
        (" null ", True),
        ('"端口"', True),
        ("{'port': 80}", False),
        ('{"port": 80,}', False),
        ('{"port": NaN}', False),
        ('```json\n{"port": 80}\n```', False),
        ("[" * 100_000, False),
        ("", False),
        (Unanswerable(), False),
    ],
)
def test_json_valid_takes_what_rfc_8259_takes(text: Any, is_valid: bool) -> None:
    assert json_valid(Example({"text": "x"}, {"found": ("{}",)}), Prediction({"found": text})) is is_valid


def test_json_valid_of_what_is_no_text_says_so_and_an_accepted_abstention_is_valid() -> None:
    with pytest.raises(MetricError, match="json_valid checks texts, but found is"):
        scored(json_valid, ({"port": 80},), {"port": 80})
    assert scored(json_valid, ("{}", Unanswerable()), Unanswerable()) == 1


def test_examples_and_predictions_of_dspy_are_scored_alike() -> None:
    example = dspy.Example(text="x", found=["Ann", "Bob"]).with_inputs("text")
    assert set_f1(example, dspy.Prediction(found=["Ann"])) == pytest.approx(2 / 3)
    example = dspy.Example(text="x", found=Person(name="Ann")).with_inputs("text")
    assert record_accuracy(example, dspy.Prediction(found=Person(name="Bob"))) == pytest.approx(2 / 3)


def test_set_f1_of_what_is_no_list_says_so() -> None:
    with pytest.raises(MetricError, match=r"set_f1 compares lists, but found is 'ann'\. Use"):
        scored(set_f1, ("Ann",), "Ann")
