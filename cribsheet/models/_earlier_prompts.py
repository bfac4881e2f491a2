"""Find earlier prompts that a new prompt starts with."""

from typing import NamedTuple


class End(NamedTuple):
    """The place in a new prompt where an earlier one ends."""

    at: int
    """Its length in characters."""
    read_alone: bool
    """Whether the engine holds tokens there that it read alone: those that it generated, or the prompt's last one."""


class EarlierPrompts:
    """The prompts that an engine has completed so far, stored as hashes of their texts.

    >>> earlier = EarlierPrompts()
    >>> earlier.add("Review: fine\\nSentiment:", read_alone=True)
    >>> earlier.end_in("Review: fine\\nSentiment: positive")
    End(at=23, read_alone=True)
    >>> earlier.end_in("Review: fine\\nSentiment: positive\\nReview: dull")
    End(at=23, read_alone=False)
    """

    def __init__(self) -> None:
        self._known: dict[int, dict[int, bool]] = {}
        """Maps the length of texts to their hashes, and each hash to whether tokens were read alone there."""

    def add(self, text: str, *, read_alone: bool) -> None:
        """Remember a text."""
        known = self._known.setdefault(len(text), {})
        known[hash(text)] = read_alone or known.get(hash(text), False)

    def holds(self, text: str) -> bool:
        """Tell whether a text was asked."""
        return hash(text) in self._known.get(len(text), {})

    def pop_alone(self, text: str) -> bool:
        """Return whether tokens were read alone at the end of this very text, and forget that."""
        known = self._known.get(len(text), {})
        was_alone = known.get(hash(text), False)
        if was_alone:
            known[hash(text)] = False
        return was_alone

    def end_in(self, text: str) -> End | None:
        """Return the end of an earlier prompt that the text equals or starts with; None if there is none.

        It is the shortest one after which tokens were read alone, or else the longest one. All such tokens count as
        dropped from now on.
        """
        starts = {length: hash(text[:length]) for length in self._known if length <= len(text)}
        found = {length: start for length, start in starts.items() if start in self._known[length]}
        alone = [length for length, start in found.items() if self._known[length][start]]
        for length in alone:
            self._known[length][found[length]] = False
        if alone:
            return End(min(alone), read_alone=True)
        return End(max(found), read_alone=False) if found else None
