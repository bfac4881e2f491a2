"""Convert a calibration to the `logit_bias` of a server's API."""

from collections.abc import Iterator, Mapping, Sequence

from cribsheet.corrections import Answer
from cribsheet.corrections.calibration import Calibration, shares
from cribsheet.frozen import FrozenPrompt
from cribsheet.layout import Layout
from cribsheet.layout.decisions import decided_field, token_logprobs
from cribsheet.models import Model, TellsTokenIds
from cribsheet.search.wording.words import are_apart
from cribsheet.signature import Field

LIFT = 30.0
"""The least bias of every outcome's tokens, in nats; it lifts them above all other tokens."""
MOST = 100.0
"""The largest bias that servers accept, positive or negative."""
LEAST_AGREEMENT = 0.99
"""The share of decisions that must stay the same; a few near ties may be decided differently."""


def with_logit_bias(prompt: FrozenPrompt, model: Model, answers: Sequence[Answer] = ()) -> FrozenPrompt:
    """Return the prompt with `logit_bias` in its calibration, if the word of each outcome is one token.

    All spellings of a word that are one token get the bias, and the most likely of them decides. A prompt that is
    decided by all tokens that begin a word is returned unchanged if it is not calibrated, or if `logit_bias` would
    change the decision on more than a few of the `answers`.
    """
    field, calibration = decided_field(prompt.signature), prompt.correction(Calibration)
    decide_by = prompt.decoding.decide_by
    if field is None or decide_by == "text" or not isinstance(model, TellsTokenIds):
        return prompt
    if decide_by == "token":
        calibration = calibration or Calibration(biases=dict.fromkeys(field.outcomes, 0.0))
    elif calibration is None or _agreement(prompt.layout, field, calibration, answers) < LEAST_AGREEMENT:
        return prompt
    biases = _biases(prompt.layout, field, calibration, model)
    biased = calibration.model_copy(update={"logit_bias": biases})
    return prompt.with_corrections(*prompt.corrections, biased)


def takes_logit_bias(prompt: FrozenPrompt, model: Model) -> bool:
    """Tell whether each outcome of the prompt has a token of its own, so that `logit_bias` works."""
    calibration = with_logit_bias(prompt, model).correction(Calibration)
    return calibration is not None and calibration.logit_bias is not None


def _agreement(layout: Layout, field: Field, calibration: Calibration, answers: Sequence[Answer]) -> float:
    """Return the share of answers on which the most likely whole-word token gives the calibration's decision."""
    decided = [(one.logprobs, one.completion.first_token) for one in answers if one.logprobs is not None]
    agreed = [
        _best(shares(logprobs, calibration)) == _best(shares(token_logprobs(layout, field, told or {}), calibration))
        for logprobs, told in decided
    ]
    return sum(agreed) / len(agreed) if agreed else 1.0


def _best(probabilities: Mapping[str, float]) -> str:
    return max(probabilities, key=probabilities.__getitem__)


def _biases(layout: Layout, field: Field, calibration: Calibration, model: TellsTokenIds) -> dict[str, float] | None:
    words = {outcome: layout.verbalizer(outcome) for outcome in field.outcomes}
    if not are_apart(words.values()):
        return None
    highest = max(calibration.biases.get(outcome, 0.0) for outcome in words)
    biases: dict[str, float] = {}
    for outcome, word in words.items():
        ids = _single_tokens(layout, field, word, model)
        added = round(LIFT + highest - calibration.biases.get(outcome, 0.0), 4)
        if not ids or added > MOST:
            return None
        biases |= {str(token): added for token in ids}
    return biases


def _single_tokens(layout: Layout, field: Field, word: str, model: TellsTokenIds) -> list[int]:
    """Return the tokens that are spellings of the word; none if the spelling that demos use takes several tokens."""
    is_raw = layout.style == "raw"
    before = layout.opening(field.name, layout.output_mark) if is_raw else "\n"  # chat templates end with a line break
    known = model.token_ids(before)
    if known is None:
        return []
    own, *others = [_single(known, model.token_ids(before + text)) for text in _spellings(layout, word, is_raw=is_raw)]
    return list(dict.fromkeys(token for token in (own, *others) if token is not None)) if own is not None else []


def _spellings(layout: Layout, word: str, *, is_raw: bool) -> Iterator[str]:
    """Yield the word as demos write it, then in several cases, each with and without a leading space."""
    yield (layout.output_mark.gap if is_raw else "") + word
    for spelled in (word, word.lower(), word[:1].upper() + word[1:], word.upper()):
        yield spelled
        yield " " + spelled


def _single(before: Sequence[int], whole: Sequence[int] | None) -> int | None:
    """Return the single token that `whole` adds to `before`; None if it adds several or changes those before."""
    if whole is None or len(whole) != len(before) + 1 or list(whole[:-1]) != list(before):
        return None
    return whole[-1]
