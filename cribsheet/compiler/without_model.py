"""Score what needs no language model: labels that words alone tell, and a program that always abstains."""

from collections.abc import Mapping, Sequence

from cribsheet.dataset.examples import Row
from cribsheet.errors import MetricError
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.evaluation.scores import mean_score
from cribsheet.frozen.score import Score
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.search.words_alone import MOST_ROWS, WordsAlone
from cribsheet.signature import REASONING, Field
from cribsheet.task import Metric


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
    return _score(rows, outcomes, metric)


def abstaining_score(outputs: Sequence[Field], rows: Sequence[Row], metric: Metric) -> Score | None:
    """Return the score on `rows` of a program that always abstains.

    None if no output can abstain, or if the metric needs more than these outputs.
    """
    absent: dict[str, Value] = {field.name: Unanswerable() for field in outputs if field.abstains}
    return _score(rows, [absent] * len(rows), metric) if absent and rows else None


def _score(rows: Sequence[Row], predicted: Sequence[Mapping[str, Value]], metric: Metric) -> Score | None:
    try:
        scores = [apply_metric(metric, row, one) for row, one in zip(rows, predicted, strict=True)]
    except MetricError:
        return None
    return mean_score(scores, groups=[row.group for row in rows])
