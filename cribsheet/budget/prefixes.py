"""Tell how much of a prompt an engine has read before."""

from bisect import bisect
from dataclasses import dataclass
from typing import Protocol, Self

from cribsheet.text import shared_length

_KEPT = 0.5
_TOKEN = 8  # characters that may be one token
_READ_AGAIN = 8  # bytes: the last token of the part that is held, and another one that makes the engine forget it


@dataclass
class _Read:
    text: str
    tokens: int


class Prefixes(Protocol):
    """The prompts that an engine holds, so that it need not read their beginnings again."""

    def copy(self) -> Self:
        """Return a copy, to estimate further prompts without adding them here."""
        ...

    def read(self, text: str, *, tokens: int) -> int:
        """Add a prompt of so many tokens; return how many of its first characters the engine need not read again."""
        ...


class OneSlot:
    """The prompts that llama.cpp with one slot holds, derived from the order of the prompts.

    The slot holds the last prompt. If the next prompt shares at least half of it, it replaces the last prompt. If not,
    the last prompt is kept beside it, as long as all kept prompts together have at most `capacity` tokens; the oldest
    one is dropped first. The engine goes on from the kept prompt with the longest common start. With a capacity of 0,
    only the last prompt is held.

    If a kept prompt is the beginning of the new one, or only the new one's last token differs, `EmbeddedModel` reads
    the end of the shared part again, so that log-probabilities do not depend on earlier prompts.

    >>> prefixes = OneSlot(capacity=100)
    >>> prefixes.read("Good: superb. Text: dull", tokens=8), prefixes.read("Good: superb. Text: never dull", tokens=8)
    (0, 20)
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self._held: list[_Read] = []
        """The last prompt stands last."""

    def copy(self) -> "OneSlot":
        """Return the same state."""
        other = OneSlot(self.capacity)
        other._held = list(self._held)
        return other

    def read(self, text: str, *, tokens: int) -> int:
        """Add a prompt of so many tokens; return how many of its first characters need not be read again."""
        shared, place = max(((shared_length(one.text, text), at) for at, one in enumerate(self._held)), default=(0, 0))
        goes_on = bool(self._held) and shared == len(self._held[place].text)
        if self._held and shared >= _KEPT * len(self._held[place].text):
            self._held.pop(place)
        self._held.append(_Read(text, tokens))
        while len(self._held) > 1 and sum(one.tokens for one in self._held) > self.capacity:
            self._held.pop(0)
        ends_alone = goes_on or len(text) - shared <= _TOKEN
        return len(text[:shared].encode()[:-_READ_AGAIN].decode(errors="ignore")) if ends_alone else shared


class Everything:
    """All earlier prompts, since a server may still hold any of them.

    >>> everything = Everything()
    >>> everything.read("Good: superb. Text: dull", tokens=8), everything.read("Bad: dull.", tokens=4)
    (0, 0)
    >>> everything.read("Good: superb. Text: fine", tokens=8)
    20
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        """Sorted, so that the prompt with the longest common start is a neighbour."""

    def copy(self) -> "Everything":
        """Return the same state."""
        other = Everything()
        other._texts = list(self._texts)
        return other

    def read(self, text: str, *, tokens: int) -> int:
        """Add a prompt; return how many of its first characters were read before."""
        place = bisect(self._texts, text)
        neighbours = self._texts[max(0, place - 1) : place + 1]
        self._texts.insert(place, text)
        return max((shared_length(one, text) for one in neighbours), default=0)
