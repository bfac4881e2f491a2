"""Tell how much of a prompt an engine has read before."""

from dataclasses import dataclass

_KEPT = 0.5


@dataclass
class _Read:
    text: str
    tokens: int


class Prefixes:
    """The prompts whose readings an engine with one slot still holds, judged by their order alone.

    As llama.cpp does: the slot holds the prompt before. A prompt that shares at least half of it takes
    its place; else what the slot held is put aside, as long as all readings together stay within
    `capacity` tokens, and the one with the longest common start is taken up. With a capacity of 0, the
    prompt before is all there is.

    >>> prefixes = Prefixes(capacity=100)
    >>> prefixes.read("Good: superb. Text: dull", tokens=8), prefixes.read("Good: superb. Text: fine", tokens=8)
    (0, 20)
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self._held: list[_Read] = []
        """The prompt before last."""

    def copy(self) -> "Prefixes":
        """Return the same state, to judge prompts that may follow without taking them in here."""
        other = Prefixes(self.capacity)
        other._held = list(self._held)
        return other

    def read(self, text: str, *, tokens: int) -> int:
        """Take in a prompt of so many tokens; return how many of its characters had been read."""
        shared, place = max(((_shared_length(one.text, text), at) for at, one in enumerate(self._held)), default=(0, 0))
        if self._held and shared >= _KEPT * len(self._held[place].text):
            self._held.pop(place)
        self._held.append(_Read(text, tokens))
        while len(self._held) > 1 and sum(one.tokens for one in self._held) > self.capacity:
            self._held.pop(0)
        return shared


def _shared_length(one: str, other: str) -> int:
    """Return how long the common start is, by bisection: comparing slices is far quicker than characters."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
