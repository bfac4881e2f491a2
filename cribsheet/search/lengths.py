"""Measure prompts and answers in a model's tokens."""

import math
from collections.abc import Mapping, Sequence

from cribsheet.dataset.examples import Row
from cribsheet.frozen import FrozenPrompt
from cribsheet.layout import Layout
from cribsheet.layout.rendering import render_outputs
from cribsheet.models import Model
from cribsheet.outcomes import Value
from cribsheet.prompts import Prompt
from cribsheet.search.candidate import Candidate
from cribsheet.search.demos import demos_of
from cribsheet.signature import Field, Signature

_MARGIN = 4
_CUT_OFF = 1.3  # a list that is cut off is lost as a whole, and other rows have longer ones
_TURN_TOKENS = 8  # what a chat template adds to a turn, from above
_LONGEST_TOKEN = 8  # bytes; a server that tells of fewer tokens leaves out those that it had cached
_CAUTION = 1.1  # other texts may have more tokens for their length than the one that was counted


class Lengths:
    """The number of tokens that prompts and answers take, at most.

    The longest answer is that of `train`, the longest inputs are those of all rows that the search may ask.
    """

    def __init__(self, model: Model, train: Sequence[Row], val: Sequence[Row]):
        self._model, self._train, self._rows = model, train, (*train, *val)
        self._scale = 1.0
        self._by_candidate: dict[str, int] = {}
        self._longest_inputs: dict[tuple[str, ...], Mapping[str, Value]] = {}

    def answer(self, signature: Signature, layout: Layout) -> int:
        """Return how many tokens the longest answer of the demo pool takes, plus a margin."""
        texts = [render_outputs(layout, signature, demo.outputs) for demo in demos_of(signature, self._train)]
        return self._answer(signature, max(texts, key=_bytes, default="x" * 200))

    def answer_beyond(self, room: int, signature: Signature, layout: Layout, row: Row) -> int:
        """Return how many tokens the answer of one row takes, plus a margin, if these are more than `room`; else 0."""
        for demo in demos_of(signature, [row]):
            text = render_outputs(layout, signature, demo.outputs)
            if _CUT_OFF * _bytes(text) + _MARGIN > room:  # else it fits, because a token has at least one byte
                tokens = self._answer(signature, text)
                return tokens if tokens > room else 0
        return 0

    def _answer(self, signature: Signature, longest: str) -> int:
        share = _CUT_OFF if any(field.type.is_structured for field in signature.outputs) else 1.0
        return math.ceil(share * self._model.count_tokens(longest)) + _MARGIN

    def of_rows(self, train: Sequence[Row], val: Sequence[Row]) -> "Lengths":
        """Return the same measure for other rows."""
        other = Lengths(self._model, train, val)
        other._scale = self._scale
        return other

    def calibrate(self, prompt: Prompt, prompt_tokens: int) -> None:
        """Scale the estimates of a model without a tokenizer by one prompt whose tokens it has counted."""
        estimate = self._model.count_tokens(prompt.full_text) + _TURN_TOKENS * len(prompt.messages)
        told = max(prompt_tokens, _bytes(prompt.full_text) / _LONGEST_TOKEN)
        self._scale = min(1.0, _CAUTION * told / estimate)
        self._by_candidate.clear()

    def row(self, candidate: Candidate, row: Row) -> int:
        """Return how many tokens the longest of a candidate's prompts takes on a row, completion included."""
        return max(self._tokens(prompt, row) for prompt in candidate.prompts.values())

    def candidate(self, candidate: Candidate) -> int:
        """Return how many tokens the longest of a candidate's prompts takes on the longest row, completion included."""
        key = candidate.key
        if key not in self._by_candidate:
            self._by_candidate[key] = max(map(self._prompt, candidate.prompts.values()))
        return self._by_candidate[key]

    def inputs(self, prompt: FrozenPrompt, inputs: Mapping[str, Value]) -> int:
        """Return how many tokens a prompt takes with these inputs, completion included."""
        return self._rendered(prompt, inputs)

    def _prompt(self, prompt: FrozenPrompt) -> int:
        return self._rendered(prompt, self._inputs(prompt.signature.inputs))

    def _tokens(self, prompt: FrozenPrompt, row: Row) -> int:
        return self._rendered(prompt, {field.name: _value(row, field) for field in prompt.signature.inputs})

    def _rendered(self, prompt: FrozenPrompt, inputs: Mapping[str, Value]) -> int:
        rendered = prompt.render(inputs)
        tokens = self._model.count_tokens(rendered.full_text) + _TURN_TOKENS * len(rendered.messages)
        return math.ceil(self._scale * tokens) + prompt.decoding.max_tokens

    def _inputs(self, fields: tuple[Field, ...]) -> Mapping[str, Value]:
        """Return these inputs of the longest row."""
        names = tuple(field.name for field in fields)
        if names not in self._longest_inputs:
            rows = [{field.name: _value(row, field) for field in fields} for row in self._rows]
            self._longest_inputs[names] = max(rows, key=lambda one: sum(_bytes(str(value)) for value in one.values()))
        return self._longest_inputs[names]


def _bytes(text: str) -> int:
    """Return the size of a text, which tells more about its tokens than its length: Chinese has few characters."""
    return len(text.encode(errors="replace"))


def _value(row: Row, field: Field) -> Value:
    """Return a row's value of a field; an empty one if an earlier predictor will give it."""
    if field.name in row.inputs:
        return row.inputs[field.name]
    if field.name in row.outputs:
        return row.outputs[field.name][0]
    return field.type.blank if field.type.is_structured else ""
