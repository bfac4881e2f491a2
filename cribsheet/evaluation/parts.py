"""Tell how often each output, or each member of a record, is right."""

from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any

from cribsheet.dataset.examples import Example, Prediction
from cribsheet.evaluation.by_value import ByValue
from cribsheet.evaluation.evaluate import Evaluation, RowResult
from cribsheet.evaluation.metrics import exact_match
from cribsheet.outcomes import is_absent
from cribsheet.signature import REASONING, Field
from cribsheet.signature.types.record import Record


def shares_right(evaluation: Evaluation, outputs: Sequence[Field]) -> dict[str, float]:
    """Return the share of the rows, 0 to 1, in which each part is right; empty if there is only one part.

    The parts are the outputs that the rows have, or, of a single record, its members. An answer that cannot be read is
    wrong in all parts. A part is right if it equals an accepted value, as `exact_match` compares them.
    """
    known = evaluation.rows[0].example.outputs
    kinds = {field.name: field.type for field in outputs if field.name in known and field.name != REASONING}
    record = ""
    if len(kinds) == 1:
        (record, kind), *_ = kinds.items()
        kinds = {member.name: member.type for member in kind.members} if isinstance(kind, Record) else {}
    if len(kinds) < 2:
        return {}
    is_right = ByValue(exact_match, kinds)
    rights = [_rights(row, record, is_right, kinds) for row in evaluation.rows]
    return {name: fmean(right[name] for right in rights) for name in kinds}


def _rights(row: RowResult, record: str, is_right: ByValue, names: Collection[str]) -> dict[str, bool]:
    """Tell for each part whether it is right; a program's own code may return anything in place of a record."""
    accepted: Mapping[str, Any] = row.example.outputs
    given: Any = row.run.outputs if row.run else None
    if record and isinstance(given, Mapping):
        values, given = accepted[record], given.get(record)
        if is_absent(given):
            return dict.fromkeys(names, any(map(is_absent, values)))
        accepted = {name: tuple(one.get(name) for one in values if isinstance(one, dict)) for name in names}
    if not isinstance(given, Mapping):
        return dict.fromkeys(names, False)
    return {
        name: bool(accepted[name])
        and bool(is_right(Example({}, {name: accepted[name]}), Prediction({name: given.get(name)})))
        for name in names
    }
