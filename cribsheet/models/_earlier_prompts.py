"""Find earlier prompts that a new prompt starts with."""


class EarlierPrompts:
    """The prompts that an engine has completed so far, stored as hashes of their texts.

    >>> earlier = EarlierPrompts()
    >>> earlier.add("Review: fine\\nSentiment:")
    >>> earlier.end_in("Review: fine\\nSentiment: positive")
    23
    >>> earlier.end_in("Review: fine\\nSentiment: positive\\nReview: dull")
    """

    def __init__(self) -> None:
        self._hashes: dict[int, set[int]] = {}
        """Maps a length to the hashes of the texts with that length."""

    def add(self, text: str) -> None:
        """Remember a text."""
        self._hashes.setdefault(len(text), set()).add(hash(text))

    def holds(self, text: str) -> bool:
        """Tell whether a text was asked, and no later one started with it."""
        return hash(text) in self._hashes.get(len(text), ())

    def end_in(self, text: str) -> int | None:
        """Return the length of the shortest earlier prompt that the text equals or starts with; None if none does.

        All such prompts are forgotten, because later prompts will share more with this text than with them.
        """
        starts = {length: hash(text[:length]) for length in self._hashes if length <= len(text)}
        found = {length for length, start in starts.items() if start in self._hashes[length]}
        for length in found:
            self._hashes[length].discard(starts[length])
            if not self._hashes[length]:
                del self._hashes[length]
        return min(found, default=None)
