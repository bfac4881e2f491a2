"""Score what needs no language model: labels that words alone tell, and the constant answer."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cribsheet.dataset.examples import Row
from cribsheet.errors import MetricError
from cribsheet.evaluation.evaluate import RowResult
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.evaluation.scores import mean_score, paired_gain
from cribsheet.frozen import Constant
from cribsheet.frozen.score import Score
from cribsheet.outcomes import Unanswerable, Value, is_absent, to_json
from cribsheet.search.words_alone import MOST_ROWS, WordsAlone
from cribsheet.signature import REASONING, Field
from cribsheet.task import Metric

_NOTHING: Final = object()


def words_alone_score(
    outputs: Sequence[Field], seen: Sequence[Row], rows: Sequence[Row], metric: Metric
) -> Score | None:
    """Return the score on `rows` of linear models that were learned from the rows that the search saw.

    None if an output is no label, or if the metric needs more than labels, such as a rationale.
    """
    labels = [field for field in outputs if field.is_finite or field.name != REASONING]
    if not (labels and all(field.is_finite for field in labels) and seen and rows):
        return None
    step = -(-len(seen) // MOST_ROWS)  # the rows are in random order
    inputs = [row.inputs for row in rows]
    predicted = [WordsAlone(field, seen[::step]).predict(inputs) for field in labels]
    outcomes = [
        {field.name: value for field, value in zip(labels, values, strict=True)}
        for values in zip(*predicted, strict=True)
    ]
    scores = _scores(rows, outcomes, metric)
    return None if scores is None else mean_score(scores, groups=[row.group for row in rows])


def constant_of(
    outputs: Sequence[Field], seen: Sequence[Row], compiled: Sequence[RowResult], metric: Metric
) -> Constant | None:
    """Return the score of a program that always gives the commonest answer of the rows that the search saw.

    It is scored on the rows of `compiled`, the results of the compiled program. Of a record, it is the commonest value
    of each member. None if no answer is common, as for translations, or if the metric needs more than the outputs.
    Scikit-learn calls this baseline a dummy classifier.
    """
    names = [field.name for field in outputs if field.name != REASONING]
    answer = {name: _commonest([row.outputs[name][0] for row in seen]) for name in names}
    if not answer or _NOTHING in answer.values() or not compiled:
        return None
    scores = _scores([row.example for row in compiled], [answer] * len(compiled), metric)
    if scores is None:
        return None
    groups = [row.example.group for row in compiled]
    return Constant(
        outputs={name: to_json(value) for name, value in answer.items()},
        score=mean_score(scores, groups=groups),
        gain=paired_gain(scores, [row.score for row in compiled], groups=groups),
    )


def _commonest(values: Sequence[Value]) -> Any:
    """Return the commonest value, of which the first one counts among equals; `_NOTHING` if all differ."""
    kept: dict[str, Value] = {}
    keys = ["" if is_absent(value) else json.dumps(value, sort_keys=True) for value in values]
    for key, value in zip(keys, values, strict=True):
        kept.setdefault(key, Unanswerable() if isinstance(value, Unanswerable) else value)
    (key, times), *_ = Counter(keys).most_common(1) or [("", 0)]
    records = [value for value in values if isinstance(value, dict)]
    if not records or 2 * keys.count("") >= len(keys):
        return kept[key] if times > 1 else _NOTHING
    parts = {name: [record[name] for record in records if name in record] for name in records[0]}
    members = {name: _commonest(own) for name, own in parts.items()}
    return {name: parts[name][0] if value is _NOTHING else value for name, value in members.items()}


def _scores(rows: Sequence[Row], predicted: Sequence[Mapping[str, Value]], metric: Metric) -> list[float] | None:
    try:
        return [apply_metric(metric, row, one) for row, one in zip(rows, predicted, strict=True)]
    except MetricError:
        return None
