"""Metrics for outputs that are made of other values: lists, sets, records."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from statistics import fmean
from typing import Any

from pydantic_core import SchemaSerializer, core_schema, to_jsonable_python

from cribsheet.errors import MetricError
from cribsheet.evaluation.metrics import accepted_values, only_name, output_names, value_of
from cribsheet.outcomes import is_absent
from cribsheet.text import folded, shortened

_Path = tuple[str, ...]
_PYTHON = SchemaSerializer(core_schema.any_schema())
"""Turns records of any class into dicts, and leaves dates, decimals and sets as they are."""


def set_f1(example: Any, prediction: Any, trace: object = None) -> float:
    """Return the F1 of the values in all lists together, 0 to 1; the order does not matter.

    A value counts as found only if it is in the right output, and is the same apart from case and white space. This is
    the exact-match F1 of entities (Tjong Kim Sang & De Meulder 2003, "Introduction to the CoNLL-2003 Shared Task"),
    but for each row. For a set of labels it is the example-based F1 (Tsoumakas & Katakis 2007, "Multi-Label
    Classification: An Overview"). If a row has no value and none is predicted, it is 1.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> row = Example({"text": "Ann met Bob in Rome."}, {"people": (["Ann", "Bob"],), "places": (["Rome"],)})
    >>> set_f1(row, Prediction({"people": ["Bob"], "places": ["rome", "Bob"]}))
    0.6666666666666666
    """
    common = gold = predicted = 0
    for name in output_names(example, prediction):
        found = _items(name, value_of(prediction, name))
        accepted = [_items(name, value) for value in accepted_values(example, prediction, name)]
        closest = max(accepted, key=lambda own: _f1(own, found))
        common += (closest & found).total()
        gold, predicted = gold + closest.total(), predicted + found.total()
    return 2 * common / (gold + predicted) if gold + predicted else 1.0


def record_accuracy(example: Any, prediction: Any, trace: object = None) -> float:
    """Return the share of a record's fields with the right value, 0 to 1; those of records inside it count each.

    Texts are compared without case and white space. This is the slot accuracy of dialogue state tracking (Wu et al.
    2019, "Transferable Multi-Domain State Generator for Task-Oriented Dialogue Systems"). A list counts as one field.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> row = Example({"text": "Ann, 30"}, {"person": ({"name": "Ann", "age": 30},)})
    >>> record_accuracy(row, Prediction({"person": {"name": "ann", "age": 3}}))
    0.5
    """
    shares = []
    for name in output_names(example, prediction):
        found = dict(_leaves(_plain(value_of(prediction, name))))
        accepted = [dict(_leaves(_plain(value))) for value in accepted_values(example, prediction, name)]
        shares.append(max(_share(own, found) for own in accepted))
    return fmean(shares)


def json_valid(example: Any, prediction: Any, trace: object = None) -> bool:
    """Return whether the only output, a text, is valid JSON (RFC 8259).

    It is for texts in which a model writes JSON of any shape. An output with a type of its own needs no such metric: if
    its JSON cannot be read, the row scores 0 and is counted as unreadable. The accepted values do not matter, so
    combine it with a metric that compares them. `Unanswerable` is valid if it is accepted.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> row = Example({"text": "…"}, {"config": ('{"port": 80}',)})
    >>> [json_valid(row, Prediction({"config": text})) for text in ('{"port": 8080}', "{'port': 80}", "[1, 2")]
    [True, False, False]
    """
    name = only_name(example, prediction, metric="json_valid")
    value = value_of(prediction, name)
    if is_absent(value):
        return any(map(is_absent, accepted_values(example, prediction, name)))
    if not isinstance(value, str):
        raise MetricError(
            f"The metric json_valid checks texts, but {name} is {shortened(repr(value))}. Use exact_match or "
            "record_accuracy, or declare the output as a str."
        )
    try:
        json.loads(value, parse_constant=int)  # which refuses NaN and Infinity: they are no JSON
    except (ValueError, RecursionError):
        return False
    return True


def _f1(gold: Counter[str], found: Counter[str]) -> float:
    """Return the F1 of two lists; 1 if both are empty."""
    total = gold.total() + found.total()
    return 2 * (gold & found).total() / total if total else 1.0


def _share(gold: Mapping[_Path, object], found: Mapping[_Path, object]) -> float:
    """Return the share of the fields that are equal; a field that only one of the two has is wrong."""
    paths = {*gold, *found}
    missing = object()
    return sum(gold.get(path, missing) == found.get(path, missing) for path in paths) / max(1, len(paths))


def _items(name: str, value: Any) -> Counter[str]:
    plain = _plain(value)
    if plain is None:
        return Counter()
    if not isinstance(plain, list):
        raise MetricError(
            f"The metric set_f1 compares lists, but {name} is {shortened(repr(plain))}. Use exact_match or "
            "record_accuracy, or declare the output as a list or a set."
        )
    return Counter(json.dumps(one, sort_keys=True) for one in plain)


def _leaves(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, object]]:
    """Yield the fields of a record, those of records inside it with their path."""
    if isinstance(value, Mapping) and value:
        for name, one in value.items():
            yield from _leaves(one, (*path, name))
    else:
        yield path, value


def _plain(value: Any) -> Any:
    """Return a value as JSON, in a form in which equal values are the same; None if there is none."""
    return None if is_absent(value) else _folded(_PYTHON.to_python(value, by_alias=False, round_trip=True))


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return folded(value)
    if isinstance(value, Mapping):
        return {name: _folded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_folded(one) for one in value]
    if isinstance(value, set | frozenset):  # equal sets may come in different orders
        return sorted(map(_folded, value), key=json.dumps)
    if isinstance(value, Decimal):
        return _shortest(value)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).isoformat()
    return value if value is None or isinstance(value, int | float) else _folded(to_jsonable_python(value))


def _shortest(value: Decimal) -> str:
    """Return a number without the zeros that do not change it: 1.50 is 1.5."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
