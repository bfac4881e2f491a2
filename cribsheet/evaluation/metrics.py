"""Metrics, which score predictions.

A metric is a function of an example, a prediction and dspy's optional trace. These metrics accept examples and
predictions of both Cribsheet and dspy.
"""

import inspect
import math
import re
import string
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from cribsheet.dataset.examples import Example, Prediction, Row
from cribsheet.errors import MetricError, deed
from cribsheet.evaluation.places import place_of
from cribsheet.evaluation.values import bounds_of, check_score, row_in_words
from cribsheet.outcomes import UNANSWERABLE, Value, is_absent
from cribsheet.signature import REASONING
from cribsheet.task import Metric
from cribsheet.text import CJK, normal_form, shortened

Outcomes = Sequence[tuple[str, str]]
"""Pairs of the gold outcome and the predicted outcome."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_CJK = re.compile(f"([{CJK}])")


# Metrics of one prediction


def exact_match(example: Any, prediction: Any, trace: object = None) -> bool:
    """Tell whether every output is an accepted value; the reason of an `Unanswerable` is ignored.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> exact_match(Example({"text": "Superb."}, {"label": ("good",)}), Prediction({"label": "good"}))
    True
    """
    names = output_names(example, prediction)
    return all(
        any(_same(value, value_of(prediction, name)) for value in accepted_values(example, prediction, name))
        for name in names
    )


def label_accuracy(example: Any, prediction: Any, trace: object = None) -> bool:
    """Tell whether the only output, whatever its name, is an accepted label."""
    name = only_name(example, prediction, metric="label_accuracy")
    predicted = value_of(prediction, name)
    _check_one_value(name, predicted, metric="label_accuracy", no_lists=True)
    return any(_same(value, predicted) for value in accepted_values(example, prediction, name))


def answer_exact(example: Any, prediction: Any, trace: object = None) -> bool:
    """Tell whether the answer equals an accepted answer after SQuAD's normalisation; see `answer_f1`."""
    name = only_name(example, prediction, metric="answer_exact")
    said = value_of(prediction, name)
    _check_one_value(name, said, metric="answer_exact")
    predicted = _tokens_of(said)
    return any(_tokens_of(value) == predicted for value in accepted_values(example, prediction, name))


def answer_f1(example: Any, prediction: Any, trace: object = None) -> float:
    """Return the token F1 with the closest accepted answer, 0 to 1.

    Follows the evaluation script of SQuAD 2.0 (Rajpurkar et al. 2018, "Know What You Don't Know",
    https://rajpurkar.github.io/SQuAD-explorer/): case, punctuation and articles are ignored, and
    `Unanswerable` scores 1 if it is accepted, else 0. Each Chinese or Japanese character is one token, as in
    CMRC 2018 (Cui et al. 2019, "A Span-Extraction Dataset for Chinese Machine Reading Comprehension"); unlike
    this metric, the script of CMRC counts the longest common run of tokens.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> row = Example({"question": "Who?"}, {"answer": ("Anne Frank", "the diarist Anne Frank")})
    >>> answer_f1(row, Prediction({"answer": "Anne Frank."})), answer_f1(row, Prediction({"answer": "Anne"}))
    (1.0, 0.6666666666666666)
    """
    name = only_name(example, prediction, metric="answer_f1")
    said = value_of(prediction, name)
    _check_one_value(name, said, metric="answer_f1")
    predicted = _tokens_of(said)
    return max(_f1(_tokens_of(value), predicted) for value in accepted_values(example, prediction, name))


def _check_one_value(name: str, value: object, *, metric: str, no_lists: bool = False) -> None:
    """Raise MetricError if a value is a record; with `no_lists`, also if it is a list or a set."""
    is_record = isinstance(value, Mapping | BaseModel) or is_dataclass(value) or hasattr(value, "_fields")
    is_list = no_lists and isinstance(value, list | tuple | set | frozenset)
    if (is_record or is_list) and not is_absent(value):
        raise MetricError(
            f"The metric {metric} scores a single value, but {name} is {shortened(repr(value))}. Use exact_match, "
            "record_accuracy for the share of a record's fields that are right, or set_f1 for lists."
        )


def normalize(text: str) -> list[str]:
    """Return the tokens of a text in lower case, without punctuation and articles.

    >>> normalize("The Treaty of Rome, 1957"), normalize("《跑跑卡丁车》")
    (['treaty', 'of', 'rome', '1957'], ['跑', '跑', '卡', '丁', '车'])
    """
    lowered = normal_form(text).lower().translate(_NO_PUNCTUATION)
    if _CJK.search(lowered):  # SQuAD's script strips only ASCII punctuation, CMRC's also full-width punctuation
        lowered = "".join(" " if unicodedata.category(char)[0] == "P" else char for char in lowered)
        lowered = _CJK.sub(r" \1 ", lowered)
    return _ARTICLES.sub(" ", lowered).split()


_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _tokens_of(value: object) -> list[str] | None:
    """Return the answer's tokens; None for no answer, which equals no text."""
    return None if is_absent(value) else normalize(str(value))


def _f1(gold: list[str] | None, predicted: list[str] | None) -> float:
    if not gold or not predicted:  # Unanswerable, or an answer without tokens: F1 is undefined, so compare as a whole
        return float(gold == predicted)
    common = (Counter(gold) & Counter(predicted)).total()
    return 2 * common / (len(gold) + len(predicted))


def _same(gold: object, predicted: object) -> bool:
    if is_absent(gold) or is_absent(predicted):
        return is_absent(gold) and is_absent(predicted)
    if isinstance(gold, str) and isinstance(predicted, str):
        return normal_form(gold).strip() == normal_form(predicted).strip()
    return gold == predicted


def value_of(view: Any, name: str) -> Any:
    """Return a field's value of our or dspy's example or prediction, even if it has a method of that name."""
    return view[name] if hasattr(view, "__getitem__") else getattr(view, name)


def output_names(example: Any, prediction: Any) -> list[str]:
    """Return the names of the outputs that both the example and the prediction have.

    A row may have further outputs: what one predictor passes to another.
    """
    if isinstance(example, Example):
        both = [name for name in example._accepted if name in prediction]
        return both or list(example._accepted)
    names = [name for name in prediction if name in example]  # a dspy.Prediction iterates over its field names
    if not names:
        raise MetricError(
            f"{example!r} and {prediction!r} have no output in common. Give their outputs the same names."
        )
    return names


def only_name(example: Any, prediction: Any, *, metric: str) -> str:
    names = output_names(example, prediction)
    if len(names) > 1:  # a rationale only leads to the answer
        names = [name for name in names if name != REASONING]
    if len(names) > 1:
        raise MetricError(
            f"The metric {metric} scores a single output, but this row has {', '.join(names)}. "
            "Use exact_match, which compares all outputs, or write a metric for this task."
        )
    return names[0]


def accepted_values(example: Any, prediction: Any, name: str) -> Sequence[object]:
    """Return the accepted values of an output. In dspy's example, a list is one of them if the prediction is a list."""
    if isinstance(example, Example):
        return example._accepted[name]
    value = value_of(example, name)
    is_value = not isinstance(value, list | tuple) or isinstance(value_of(prediction, name), list | tuple)
    return (value,) if is_value else value


# Applying a metric


def apply_metric(
    metric: Metric,
    row: Row,
    outputs: Mapping[str, Value],
    *,
    text: str = "",
    probability: float | None = None,
) -> float:
    """Call the metric on a row and its outputs, and return the score.

    The metric gets an `Example` and a `Prediction`, and None for every further required parameter, such as dspy's
    `trace`.

    Raises:
        MetricError: if the metric raises, or returns something other than a number in its range.
    """
    name = getattr(metric, "__name__", type(metric).__name__)
    example = Example(row.inputs, row.outputs)
    prediction = Prediction(outputs, text=text, probability=probability)
    try:
        raw = metric(example, prediction, *[None] * _further(metric))
        return check_score(raw, metric_name=name, example=row, bounds=bounds_of(metric))
    except (MetricError, KeyboardInterrupt):
        raise
    except BaseException as error:  # the metric, and what it gives, are the user's code, which may raise anything
        place = place_of(error)
        mend = "Return a score instead" if isinstance(error, SystemExit) else "Correct the metric, or the row"
        raise MetricError(
            f"The metric {name} {deed(error)}{f' ({place})' if place else ''}, for "
            f"{row_in_words(row)} and {shortened(repr(prediction))}. {mend}."
        ) from error


def _further(metric: Metric) -> int:
    """Return how many positional parameters a metric requires besides the example and the prediction.

    The result is cached: a search calls a metric tens of thousands of times, and inspecting its signature takes as
    long as a short metric.
    """
    return _remembered(metric) if isinstance(metric, Hashable) else _required_beyond_two(metric)


def _required_beyond_two(metric: Metric) -> int:
    try:
        parameters = inspect.signature(metric).parameters.values()
    except (TypeError, ValueError):  # a callable without an inspectable signature
        return 0
    required = [
        one
        for one in parameters
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return max(0, len(required) - 2)


_remembered = lru_cache(maxsize=16)(_required_beyond_two)


# Figures over many predictions


def recall(pairs: Outcomes) -> dict[str, float]:
    """Return, for each gold outcome, the share of its rows for which that outcome was predicted.

    >>> recall([("good", "good"), ("good", "bad"), ("bad", "bad")])
    {'bad': 1.0, 'good': 0.5}
    """
    hits = defaultdict(list)
    for gold, predicted in pairs:
        hits[gold].append(gold == predicted)
    return {outcome: sum(found) / len(found) for outcome, found in sorted(hits.items())}


def balanced_accuracy(pairs: Outcomes) -> float:
    """Return the mean recall over the gold outcomes; always predicting the most frequent outcome does not raise it.

    >>> balanced_accuracy([("good", "good"), ("good", "good"), ("good", "good"), ("bad", "good")])
    0.5
    """
    if not pairs:
        raise MetricError("Balanced accuracy of no rows is undefined. Score at least one row.")
    figures = recall(pairs).values()
    return math.fsum(figures) / len(figures)


def abstention_precision(pairs: Outcomes) -> float | None:
    """Return the share of the abstentions that were right; None if there was no abstention.

    >>> abstention_precision([("unanswerable", "unanswerable"), ("answered", "unanswerable")])
    0.5
    """
    return recall([(predicted, gold) for gold, predicted in pairs]).get(UNANSWERABLE)


def abstention_recall(pairs: Outcomes) -> float | None:
    """Return the share of the unanswerable rows on which the program abstained; None if there is no such row."""
    return recall(pairs).get(UNANSWERABLE)
