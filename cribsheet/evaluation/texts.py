"""Metrics of written texts, such as translations or summaries."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Literal

from cribsheet.errors import MetricError
from cribsheet.evaluation.metrics import accepted_values, only_name, value_of
from cribsheet.outcomes import is_absent
from cribsheet.task import Metric
from cribsheet.text import CJK, normal_form

_TOKEN = re.compile(f"[{CJK}]|[^\\W_{CJK}]+")


def chrf(example: Any, prediction: Any, trace: object = None) -> float:
    """Return the chrF score with the closest accepted text, 0 to 1; for translations.

    chrF compares n-grams of characters, so it needs no words (Popović 2015, "chrF: character n-gram F-score for
    automatic MT evaluation"). It is computed by sacrebleu (Post 2018, "A Call for Clarity in Reporting BLEU Scores")
    with its defaults, chrF2 of orders 1 to 6, and divided by 100. Both texts are compared in Unicode's normal form NFC.
    `Unanswerable` scores 1 if it is accepted, else 0.

    Raises:
        MetricError: if sacrebleu is not installed.
    """
    return _closest(example, prediction, _chrf, metric="chrf")


def rouge_l(example: Any, prediction: Any, trace: object = None) -> float:
    """Return the ROUGE-L F1 with the closest accepted text, 0 to 1; for summaries.

    ROUGE-L compares the longest common subsequence of tokens (Lin 2004, "ROUGE: A Package for Automatic Evaluation of
    Summaries"). Tokens are those of Google's package rouge-score without stemming: runs of letters and digits in lower
    case. Unlike there, letters may have accents, and each Chinese or Japanese character is one token, as is usual for
    Chinese (Hu et al. 2015, "LCSTS: A Large Scale Chinese Short Text Summarization Dataset"). `Unanswerable` scores 1
    if it is accepted, else 0.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> row = Example({"text": "…"}, {"summary": ("The bridge is closed until May.",)})
    >>> rouge_l(row, Prediction({"summary": "The bridge stays closed."}))
    0.6
    """
    return _closest(example, prediction, _rouge_l, metric="rouge_l")


def length_kept(*, most: int, least: int = 1, unit: Literal["words", "characters"] = "words") -> Metric:
    """Return a metric that tells whether the only output has from `least` to `most` words, or characters.

    Each Chinese or Japanese character counts as a word; white space does not count as characters. The accepted values
    do not matter, so combine it with a metric that compares them: `rouge_l(…) * length_kept(most=25)(…)`.

    >>> from cribsheet.dataset.examples import Example, Prediction
    >>> row = Example({"text": "…"}, {"summary": ("The bridge is closed.",)})
    >>> short = length_kept(most=4)
    >>> [short(row, Prediction({"summary": text})) for text in ("It is closed.", "It is closed until May.")]
    [True, False]
    """
    if not 0 <= least <= most:
        raise MetricError(f"length_kept needs 0 <= least <= most but got least={least}, most={most}. Correct them.")
    if unit not in ("words", "characters"):
        raise MetricError(f"length_kept counts words or characters, not {unit!r}. Give unit='words'.")

    def metric(example: Any, prediction: Any, trace: object = None) -> bool:
        value = value_of(prediction, only_name(example, prediction, metric=metric.__name__))
        text = "" if is_absent(value) else str(value)
        return least <= (len(tokens(text)) if unit == "words" else len("".join(text.split()))) <= most

    metric.__name__ = f"length_kept_{least}_to_{most}_{unit}"
    return metric


def tokens(text: str) -> list[str]:
    """Return the tokens that ROUGE-L compares.

    >>> tokens("The café's open 24/7."), tokens("桥封了")
    (['the', 'café', 's', 'open', '24', '7'], ['桥', '封', '了'])
    """
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


def _closest(example: Any, prediction: Any, score: Callable[[str, Sequence[str]], float], *, metric: str) -> float:
    """Return the score of the only output against the accepted texts."""
    name = only_name(example, prediction, metric=metric)
    predicted, accepted = value_of(prediction, name), accepted_values(example, prediction, name)
    if is_absent(predicted):
        return float(any(map(is_absent, accepted)))
    texts = [str(value) for value in accepted if not is_absent(value)]
    return score(str(predicted), texts) if texts else 0.0


def _chrf(predicted: str, accepted: Sequence[str]) -> float:
    score = float(_sacrebleu_chrf().sentence_score(normal_form(predicted), list(map(normal_form, accepted))).score)
    return min(1.0, max(0.0, score / 100))


@lru_cache(maxsize=1)
def _sacrebleu_chrf() -> Any:
    # Imported only here: the package is an extra.
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ImportError as error:
        raise MetricError(
            f"The metric chrf needs the package sacrebleu, which cannot be imported ({error}). Install it with the "
            "extra `metrics`: pip install 'cribsheet[metrics]'."
        ) from None
    return CHRF()


def _rouge_l(predicted: str, accepted: Sequence[str]) -> float:
    said = tokens(predicted)
    return max(_lcs_f1(tokens(text), said) for text in accepted)


def _lcs_f1(right: Sequence[str], said: Sequence[str]) -> float:
    if not right or not said:
        return float(right == said)
    common = _longest_common_subsequence(right, said)
    return 2 * common / (len(right) + len(said))


def _longest_common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the length of the longest sequence that both contain in this order, not necessarily side by side."""
    before = [0] * (len(right) + 1)
    for one in left:
        row = [0]
        for at, other in enumerate(right):
            row.append(before[at] + 1 if one == other else max(before[at + 1], row[at]))
        before = row
    return before[-1]
