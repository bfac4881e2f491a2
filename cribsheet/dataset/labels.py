"""Tell which label a value of a column stands for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cribsheet.errors import DataError
from cribsheet.signature import Field, Signature
from cribsheet.signature.types import ValueType
from cribsheet.text import shortened


def parse_labels(text: str) -> dict[str, str]:
    """Parse the value of `--labels` into `{value: label}`.

    >>> parse_labels("0=negative, 1=positive")
    {'0': 'negative', '1': 'positive'}
    """
    labels: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        value, equals, label = (part.strip() for part in pair.partition("="))
        if not (value and equals and label) or value in labels:
            raise DataError(
                f"--labels {text!r} cannot be read at {pair!r}. Write value=label pairs, separated by commas, with "
                "each value once, such as --labels 0=negative,1=positive."
            )
        labels[value] = label
    return labels


def checked_labels(labels: Mapping[Any, str], signature: Signature) -> dict[str, str]:
    """Return the labels by their written values; DataError if one is no outcome of any field of the signature."""
    fields = (*signature.outputs, *signature.inputs)
    found = {field.name: field.outcomes if field.is_finite else kind.outcomes for field, kind in _labelled(fields)}
    for value, label in labels.items():
        if not any(label in outcomes for outcomes in found.values()):
            known = "; ".join(f"{name}: {', '.join(outcomes)}" for name, outcomes in found.items())
            raise DataError(
                f"The value {value!r} is to stand for {label!r}, which is no label of {signature.name}. "
                f"{f'Its labels are {shortened(known)}.' if known else 'It has no labels.'} Correct --labels, or "
                "`labels` in code."
            )
    return {written(value): label for value, label in labels.items()}


def _labelled(fields: Iterable[Field]) -> Iterator[tuple[Field, ValueType]]:
    """Yield the fields whose values are labels or lists of labels, with the kind of the labels."""
    for field in fields:
        if field.type.labelled:
            yield field, field.type.labelled


def written(value: object) -> str:
    """Return a value as `--labels` names it.

    >>> written(1), written(1.0), written(" 1 "), written(True)
    ('1', '1', '1', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
