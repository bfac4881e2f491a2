"""Tell how much of a prompt an engine has read before."""

from bisect import bisect
from dataclasses import dataclass
from typing import Protocol, Self

from cribsheet.text import shared_length

_KEPT = 0.5
_TOKEN = 8  # characters that may be one token
_READ_AGAIN = 36  # bytes: the end of a prompt that is forgotten (24), and the few tokens that make the engine do so


@dataclass
class _Read:
    text: str
    tokens: int


class Prefixes(Protocol):
    """What an engine holds of the prompts that it was asked."""

    def copy(self) -> Self:
        """Return the same state, to judge prompts that may follow without taking them in here."""
        ...

    def read(self, text: str, *, tokens: int, is_chat: bool = False) -> int:
        """Take in a prompt of so many tokens; return how many of its characters need not be read again."""
        ...


class OneSlot:
    """The prompts whose readings an engine with one slot still holds, judged by their order alone.

    As llama.cpp does: the slot holds the prompt before. A prompt that shares at least half of it takes
    its place; else what the slot held is put aside, as long as all readings together stay within
    `capacity` tokens, and the one with the longest common start is taken up. With a capacity of 0, the
    prompt before is all there is.

    If a prompt goes on from the other, or its last token alone is new, `EmbeddedModel` reads the end of what they share
    again, so that log-probabilities do not depend on what was asked before. It reads the whole of a chat again.

    >>> prefixes = OneSlot(capacity=100)
    >>> prefixes.read("Good: superb. Text: dull", tokens=8), prefixes.read("Good: superb. Text: never dull", tokens=8)
    (0, 20)
    """

    def __init__(self, capacity: int):
        self.capacity = capacity
        self._held: list[_Read] = []
        """The prompt before last."""

    def copy(self) -> "OneSlot":
        """Return the same state."""
        other = OneSlot(self.capacity)
        other._held = list(self._held)
        return other

    def read(self, text: str, *, tokens: int, is_chat: bool = False) -> int:
        """Take in a prompt of so many tokens; return how many of its characters need not be read again."""
        shared, place = max(((shared_length(one.text, text), at) for at, one in enumerate(self._held)), default=(0, 0))
        goes_on = bool(self._held) and shared == len(self._held[place].text)
        if self._held and shared >= _KEPT * len(self._held[place].text):
            self._held.pop(place)
        self._held.append(_Read(text, tokens))
        while len(self._held) > 1 and sum(one.tokens for one in self._held) > self.capacity:
            self._held.pop(0)
        if is_chat:  # whose template closes the turn with further tokens
            return 0 if goes_on else shared
        ends_alone = goes_on or len(text) - shared <= _TOKEN
        return len(text[:shared].encode()[:-_READ_AGAIN].decode(errors="ignore")) if ends_alone else shared


class Everything:
    """All prompts that there were, of which a server may hold any.

    >>> everything = Everything()
    >>> everything.read("Good: superb. Text: dull", tokens=8), everything.read("Bad: dull.", tokens=4)
    (0, 0)
    >>> everything.read("Good: superb. Text: fine", tokens=8)
    20
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        """Sorted: the one with the longest common start is a neighbour."""

    def copy(self) -> "Everything":
        """Return the same state."""
        other = Everything()
        other._texts = list(self._texts)
        return other

    def read(self, text: str, *, tokens: int, is_chat: bool = False) -> int:
        """Take in a prompt; return how many of its characters had been read."""
        place = bisect(self._texts, text)
        neighbours = self._texts[max(0, place - 1) : place + 1]
        self._texts.insert(place, text)
        return max((shared_length(one, text) for one in neighbours), default=0)
