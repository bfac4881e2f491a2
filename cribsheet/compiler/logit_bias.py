"""Turn a calibration into what a server's `logit_bias` takes."""

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
"""What every outcome gets at least, in nats: no other token comes near."""
MOST = 100.0
"""The most that servers take, up or down."""
LEAST_AGREEMENT = 0.99
"""The share of decisions that must be the same: a few near ties may fall otherwise."""


def with_logit_bias(prompt: FrozenPrompt, model: Model, answers: Sequence[Answer] = ()) -> FrozenPrompt:
    """Return the prompt with its biases by token id too, if each outcome's word is one token.

    The word counts as it stands after the prompt, and in the other spellings that are one token: the likeliest of
    them decides. A prompt that is decided by all tokens that begin a word stays as it is if that would decide
    otherwise on more than a few of the `answers`, or if it is not calibrated.
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
    """Tell whether each outcome of a prompt that is decided by tokens has a token of its own."""
    calibration = with_logit_bias(prompt, model).correction(Calibration)
    return calibration is not None and calibration.logit_bias is not None


def _agreement(layout: Layout, field: Field, calibration: Calibration, answers: Sequence[Answer]) -> float:
    """Return the share of answers on which the likeliest whole word decides as the calibration does."""
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
    """Return the tokens that are the word after the prompt; none if it takes several as it is written there."""
    is_raw = layout.style == "raw"
    before = layout.opening(field.name, layout.output_mark) if is_raw else "\n"  # a chat's template ends its line
    known = model.token_ids(before)
    if known is None:
        return []
    own, *others = [_single(known, model.token_ids(before + text)) for text in _spellings(layout, word, is_raw=is_raw)]
    return list(dict.fromkeys(token for token in (own, *others) if token is not None)) if own is not None else []


def _spellings(layout: Layout, word: str, *, is_raw: bool) -> Iterator[str]:
    """Yield the word as a demo has it, then with and without a space, in other cases."""
    yield (layout.output_mark.gap if is_raw else "") + word
    for spelled in (word, word.lower(), word[:1].upper() + word[1:], word.upper()):
        yield spelled
        yield " " + spelled


def _single(before: Sequence[int], whole: Sequence[int] | None) -> int | None:
    """Return the one token that comes after others, None if several do or the others changed."""
    if whole is None or len(whole) != len(before) + 1 or list(whole[:-1]) != list(before):
        return None
    return whole[-1]
