"""Score what words alone tell of the labels, without a language model."""

from collections.abc import Sequence

from cribsheet.dataset.examples import Row
from cribsheet.errors import MetricError
from cribsheet.evaluation.metrics import apply_metric
from cribsheet.evaluation.scores import mean_score
from cribsheet.frozen.score import Score
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
    try:
        scores = [apply_metric(metric, row, one) for row, one in zip(rows, outcomes, strict=True)]
    except MetricError:
        return None
    return mean_score(scores, groups=[row.group for row in rows])
