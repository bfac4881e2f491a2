"""Find rows that give the same inputs different labels."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from cribsheet.dataset.examples import Row, folded_inputs
from cribsheet.signature import Field, Signature
from cribsheet.text import shortened

_SHOWN = 3


def contradictions_in_words(rows: Iterable[Row], signature: Signature, numbers: Mapping[str, int]) -> str:
    """Return a note on the rows whose inputs are the same and whose labels have nothing in common; empty if none.

    Only outputs with a closed set of outcomes are compared, because one text has many right translations or summaries.

    Args:
        rows: the rows.
        signature: the task's.
        numbers: each row's position in the trainset, by row id.
    """
    alike: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        alike[folded_inputs(row.inputs)].append(row)
    found = [
        (group, field)
        for group in alike.values()
        for field in signature.outputs
        if field.is_finite and _disagree(group, field)
    ]
    if not found:
        return ""
    told = "; ".join(_in_words(group, field, numbers) for group, field in found[:_SHOWN])
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        f"Rows with the same inputs have different labels: {told}{more}. No prompt can be right on both; correct them."
    )


def _disagree(rows: Sequence[Row], field: Field) -> bool:
    accepted = [{field.outcome_of(value) for value in row.outputs.get(field.name, ())} for row in rows]
    return any(not one & other for one in accepted for other in accepted if one and other)


def _in_words(rows: Sequence[Row], field: Field, numbers: Mapping[str, int]) -> str:
    ordered = sorted(rows, key=lambda row: numbers.get(row.id, 0))
    labels = dict.fromkeys(field.outcome_of(row.outputs[field.name][0]) for row in ordered if field.name in row.outputs)
    places = ", ".join(str(numbers[row.id]) for row in ordered if row.id in numbers)
    text = shortened(repr(" ".join(map(str, ordered[0].inputs.values()))), 60)
    return f"rows {places} ({text}) are {' and '.join(map(repr, labels))} in {field.name}"
