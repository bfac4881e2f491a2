"""Tell where an earlier prompt ended that a prompt goes on from."""


class Asked:
    """The prompts that an engine was asked, as hashes of their texts.

    >>> asked = Asked()
    >>> asked.add("Review: fine\\nSentiment:")
    >>> asked.end_in("Review: fine\\nSentiment: positive")
    23
    >>> asked.end_in("Review: fine\\nSentiment: positive\\nReview: dull")
    """

    def __init__(self) -> None:
        self._hashes: dict[int, set[int]] = {}
        """Of each length, those of the texts of that length."""

    def add(self, text: str) -> None:
        """Remember a text."""
        self._hashes.setdefault(len(text), set()).add(hash(text))

    def holds(self, text: str) -> bool:
        """Tell whether a text was asked, and no later one started with it."""
        return hash(text) in self._hashes.get(len(text), ())

    def end_in(self, text: str) -> int | None:
        """Return where the shortest one ends that the text is or starts with; None if there is none.

        Those that there are, are forgotten: the text is what later prompts will share the most with.
        """
        starts = {length: hash(text[:length]) for length in self._hashes if length <= len(text)}
        found = {length for length, start in starts.items() if start in self._hashes[length]}
        for length in found:
            self._hashes[length].discard(starts[length])
            if not self._hashes[length]:
                del self._hashes[length]
        return min(found, default=None)
