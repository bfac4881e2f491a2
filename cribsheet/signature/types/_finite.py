"""The base class of kinds with finitely many outcomes."""

import json
from collections.abc import Sequence

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import ValueType, Verbalizer
from cribsheet.signature.types._grammar import either, literal
from cribsheet.text import listed, mentions_word, normal_form, starts_with_word


class Finite(ValueType):
    """A kind with finitely many values: log-probabilities can decide among them, and no text is needed."""

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the value whose word the text starts with, or else the only one whose word it mentions."""
        text, words = normal_form(text), {outcome: word(outcome) for outcome in self.outcomes}
        same = [outcome for outcome in words if words[outcome] == text]  # a word may be a mark alone, such as `**`
        started = same or [outcome for outcome in words if starts_with_word(text, words[outcome])]
        if started:
            return self.value_of(_closest(text, started, words))
        mentioned = [outcome for outcome, word in words.items() if mentions_word(text, word)]
        if len(mentioned) == 1:
            return self.value_of(mentioned[0])
        found = "several" if mentioned else "none"
        raise ValueError(f"must be one of {listed([*words.values()])}, but the text has {found}: {text[:80]!r}")

    def grammar(self) -> str:
        """Return the grammar of one of the values as JSON."""
        return either(literal(json.dumps(self.value_of(outcome), ensure_ascii=False)) for outcome in self.outcomes)

    def written_grammar(self, word: Verbalizer) -> str:
        """Return the grammar of one of the words."""
        return either(literal(word(outcome)) for outcome in self.outcomes)

    def form(self, word: Verbalizer) -> str:
        """List the words of the outcomes."""
        words = {outcome: word(outcome) for outcome in self.outcomes}
        if all(own == outcome for outcome, own in words.items()):
            return f"one of {listed([*words])}"
        return listed([f"{own} for {outcome}" for outcome, own in words.items()])

    def reading(self, word: Verbalizer) -> str:
        """Say that the completion starts with the word."""
        return f"starts with its word, in any case ({self.form(word)})"


def _closest(text: str, started: Sequence[str], words: dict[str, str]) -> str:
    """Return the outcome with the longest word; if words differ only in case, the one written as in the text."""
    longest = max(len(words[outcome]) for outcome in started)
    candidates = [outcome for outcome in started if len(words[outcome]) == longest]
    return next((outcome for outcome in candidates if words[outcome] in text), candidates[0])
