"""Tell which prompts go on where an earlier one ended."""


class Asked:
    """The prompts that an engine was asked, as hashes of their texts.

    >>> asked = Asked()
    >>> asked.add("Review: fine\\nSentiment:")
    >>> asked.is_continued_by("Review: fine\\nSentiment: positive")
    True
    >>> asked.is_continued_by("Review: fine\\nSentiment: positive\\nReview: dull")
    False
    """

    def __init__(self) -> None:
        self._hashes: dict[int, set[int]] = {}
        """Of each length, those of the texts of that length."""

    def add(self, text: str) -> None:
        """Remember a text."""
        self._hashes.setdefault(len(text), set()).add(hash(text))

    def is_continued_by(self, text: str) -> bool:
        """Tell whether the text is, or starts with, one that was added, which is then forgotten.

        Forgotten because the continuation is what later prompts will share the most with.
        """
        starts = {length: hash(text[:length]) for length in self._hashes if length <= len(text)}
        found = {length for length, start in starts.items() if start in self._hashes[length]}
        for length in found:
            self._hashes[length].discard(starts[length])
            if not self._hashes[length]:
                del self._hashes[length]
        return bool(found)
