"""Choose which shared prefixes an engine should read as separate prompts.

This is for engines that can resume only from the end of an earlier prompt, not from a place inside it.
"""

from collections import deque

from cribsheet.text import shared_length

_LEAST = 100
"""A shared prefix with fewer characters than this is not worth a separate read."""
_REMEMBERED = 32
"""How many prompts, and how many prefixes, are remembered."""


class SharedPrefixes:
    """The shared prefixes that an engine has read as separate prompts.

    >>> prefixes = SharedPrefixes()
    >>> demos = "Review: superb\\nSentiment: positive\\n\\n" * 4
    >>> prefixes.to_read(demos + "Review: dull"), prefixes.to_read(demos + "Text: fine") == demos
    ('', True)
    >>> prefixes.to_read(demos + "Text: awful"), prefixes.known(demos + "Text: awful") == len(demos)
    ('', True)
    """

    def __init__(self) -> None:
        self._texts: deque[str] = deque(maxlen=_REMEMBERED)
        self._prefixes: deque[str] = deque(maxlen=_REMEMBERED)

    def to_read(self, text: str) -> str:
        """Remember a prompt; return the prefix of it that should be read separately first, "" if none should."""
        shared = max((shared_length(one, text) for one in self._texts), default=0)
        self._texts.append(text)
        if shared - self.known(text) < _LEAST:
            return ""
        self._prefixes.append(text[:shared])
        return text[:shared]

    def known(self, text: str) -> int:
        """Return the length, in characters, of the longest prefix of the text that was read separately."""
        return max((len(start) for start in self._prefixes if text.startswith(start)), default=0)
