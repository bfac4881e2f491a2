"""Find earlier prompts that a new prompt starts with."""

from typing import NamedTuple


class End(NamedTuple):
    """Where an earlier prompt ends in a new one."""

    at: int
    """Its length in characters."""
    has_answer: bool
    """Whether the engine holds tokens that it generated there."""


class EarlierPrompts:
    """The prompts that an engine has completed so far, stored as hashes of their texts.

    >>> earlier = EarlierPrompts()
    >>> earlier.add("Review: fine\\nSentiment:", has_answer=True)
    >>> earlier.end_in("Review: fine\\nSentiment: positive")
    End(at=23, has_answer=True)
    >>> earlier.end_in("Review: fine\\nSentiment: positive\\nReview: dull")
    End(at=23, has_answer=False)
    """

    def __init__(self) -> None:
        self._known: dict[int, dict[int, bool]] = {}
        """Maps the length of texts to their hashes, and each hash to whether the engine holds an answer."""

    def add(self, text: str, *, has_answer: bool) -> None:
        """Remember a text."""
        known = self._known.setdefault(len(text), {})
        known[hash(text)] = has_answer or known.get(hash(text), False)

    def holds(self, text: str) -> bool:
        """Tell whether a text was asked."""
        return hash(text) in self._known.get(len(text), {})

    def end_in(self, text: str) -> End | None:
        """Return the end of an earlier prompt that the text equals or starts with; None if there is none.

        It is the shortest one with an answer, or else the longest one. All their answers count as dropped from now on.
        """
        starts = {length: hash(text[:length]) for length in self._known if length <= len(text)}
        found = {length: start for length, start in starts.items() if start in self._known[length]}
        answered = [length for length, start in found.items() if self._known[length][start]]
        for length in answered:
            self._known[length][found[length]] = False
        if answered:
            return End(min(answered), has_answer=True)
        return End(max(found), has_answer=False) if found else None
