"""What kinds of finitely many outcomes have in common."""

from collections.abc import Sequence

from cribsheet.outcomes import Value
from cribsheet.signature.types._base import ValueType, Verbalizer
from cribsheet.text import mentions_word, normal_form, starts_with_word


class Finite(ValueType):
    """A kind whose outcome is the whole value, so that it can be decided instead of written."""

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the outcome whose word the text starts with, else the only one that it mentions."""
        text, words = normal_form(text), {outcome: word(outcome) for outcome in self.outcomes}
        started = [outcome for outcome in words if starts_with_word(text, words[outcome])]
        if started:
            return self.value_of(_closest(text, started, words))
        mentioned = [outcome for outcome, word in words.items() if mentions_word(text, word)]
        if len(mentioned) == 1:
            return self.value_of(mentioned[0])
        raise ValueError(f"is none, or several, of {', '.join(words.values())}: {text[:80]!r}")

    def form(self, word: Verbalizer) -> str:
        """Return the words of the outcomes."""
        words = {outcome: word(outcome) for outcome in self.outcomes}
        if all(own == outcome for outcome, own in words.items()):
            return f"one of {', '.join(words)}"
        return ", ".join(f"{own} for {outcome}" for outcome, own in words.items())

    def reading(self, word: Verbalizer) -> str:
        """Return that the word comes first."""
        return f"starts with its word, in any case ({self.form(word)})"


def _closest(text: str, started: Sequence[str], words: dict[str, str]) -> str:
    """Return the longest word's outcome; of words that differ in case alone, the one as the text has it."""
    longest = max(len(words[outcome]) for outcome in started)
    candidates = [outcome for outcome in started if len(words[outcome]) == longest]
    return next((outcome for outcome in candidates if words[outcome] in text), candidates[0])
