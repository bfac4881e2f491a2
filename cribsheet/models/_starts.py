"""Choose which starts of prompts an engine reads on their own, if it can go on from the end of a prompt alone."""

from collections import deque

from cribsheet.text import shared_length

_LEAST = 100
"""Characters of a shared start for which it is worth to read it on its own."""
_REMEMBERED = 32


class Starts:
    """The starts that an engine was given to read on their own, since several prompts had them.

    >>> starts = Starts()
    >>> demos = "Review: superb\\nSentiment: positive\\n\\n" * 4
    >>> starts.to_read(demos + "Review: dull"), starts.to_read(demos + "Text: fine") == demos
    ('', True)
    >>> starts.to_read(demos + "Text: awful"), starts.known(demos + "Text: awful") == len(demos)
    ('', True)
    """

    def __init__(self) -> None:
        self._texts: deque[str] = deque(maxlen=_REMEMBERED)
        self._starts: deque[str] = deque(maxlen=_REMEMBERED)

    def to_read(self, text: str) -> str:
        """Take in a prompt; return the start of it that should be read on its own before it, "" if none should."""
        shared = max((shared_length(one, text) for one in self._texts), default=0)
        self._texts.append(text)
        if shared - self.known(text) < _LEAST:
            return ""
        self._starts.append(text[:shared])
        return text[:shared]

    def known(self, text: str) -> int:
        """Return how many characters the longest start has that was read and that the text begins with."""
        return max((len(start) for start in self._starts if text.startswith(start)), default=0)

    def lose(self, text: str) -> None:
        """Forget the starts of a text, since the engine has lost them."""
        self._starts = deque((start for start in self._starts if not text.startswith(start)), maxlen=_REMEMBERED)
