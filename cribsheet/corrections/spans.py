"""Constrained decoding that lets the model write nothing but a span of a text."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from cribsheet.layout.decisions import NextToken
from cribsheet.text import CJK

_LETTER = re.compile(rf"[^\W_{CJK}]")
_WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}]+(?:[-–.,'’][^\W_{CJK}]+)*")


class Spans:
    """The spans of a text, which start at the start of a word and end at the end of a word; case is ignored.

    Each Chinese character counts as a word.

    >>> spans = Spans("The hierarchy theorems hold.")
    >>> spans.begin("hierarchy the"), spans.hold("hierarchy the"), spans.hold("hierarchy theorems")
    (True, False, True)
    >>> Spans("约翰到了北京。").hold("北京")
    True
    """

    def __init__(self, text: str):
        self.text = " ".join(text.split())
        """The text with each run of white space replaced by one space."""
        self.folded = _folded(text)
        """The same text in lower case; every character keeps its position."""
        self._starts = [at for at in range(len(self.folded)) if _starts(self.folded, at)]

    def words(self) -> Iterator[tuple[int, str]]:
        """Yield the position of each word, and the word; `1,200` and `well-known` are one word each."""
        yield from ((found.start(), found.group()) for found in _WORD.finditer(self.text))

    def begin(self, words: str) -> bool:
        """Tell whether some span begins with these words."""
        return bool(self._places_of(words))

    def begin_before_number(self, words: str) -> bool:
        """Tell whether some span begins with these words, and its next word begins with a digit or a mark."""
        folded = f"{_folded(words)} ".lstrip()
        return any(
            self.folded.startswith(folded, at) and not self.folded[at + len(folded)].isalpha() for at in self._starts
        )

    def hold(self, words: str) -> bool:
        """Tell whether these words are a span."""
        length = len(_folded(words))
        return length > 0 and any(_ends(self.folded, at + length) for at in self._places_of(words))

    def beginning(self, words: str) -> str:
        """Return the longest beginning of the words that is a span; empty if none is."""
        parts = (words[:length].rstrip() for length in range(len(words), 0, -1) if _ends(words, length))
        return next(filter(self.hold, parts), "")

    def begun(self, words: str) -> str:
        """Return `beginning(words)` in lower case, to be compared with `folded`."""
        return _folded(self.beginning(words))

    def _places_of(self, words: str) -> list[int]:
        """Return the positions of the spans that begin with these words."""
        folded = _folded(words)
        return [at for at in self._starts if self.folded.startswith(folded, at)]


def extract(words: str, text: str, next_token: NextToken, *, stops: Sequence[str], tokens: int) -> str:
    """Return the span of the text that the model writes under the constraint; empty if no span can be begun.

    What the model wrote, `words`, is kept up to the point where it is no longer a span. From there, each token is the
    most likely one of `next_token` that continues or ends a span: constrained greedy decoding, as De Cao et al. 2021
    (arXiv:2010.00904) use it for names of entities. If this ends in half a word that no token completes, before any
    whole word, the last token is taken back for the next likely one. At most `tokens` tokens are asked for.
    """
    spans = Spans(text)
    written = [spans.beginning(words)]
    ways: dict[str, list[str]] = {}
    for _ in range(tokens):
        found = written[-1]
        if found not in ways:
            ways[found] = _ways_on(found, next_token(found) or {}, spans, stops)
        if not ways[found]:
            if len(written) == 1 or spans.beginning(found):
                break
            written.pop()
            continue
        token = ways[found].pop(0)
        if _is_end(token, stops):
            break
        written.append(found + token)
    return spans.beginning(written[-1]).strip()


def _ways_on(found: str, told: Mapping[str, float], spans: Spans, stops: Sequence[str]) -> list[str]:
    """Return the tokens that continue or end a span, the most likely one first."""
    may = [token for token in told if _may_follow(token, found, spans, stops)]
    return sorted(may, key=told.__getitem__, reverse=True)


def _may_follow(token: str, words: str, spans: Spans, stops: Sequence[str]) -> bool:
    if _is_end(token, stops):
        return spans.hold(words)
    if token == " ":  # many tokenizers write a space before a number as a token of its own
        return not words.endswith(" ") and spans.begin_before_number(words)
    return bool(token.strip()) and spans.begin(words + token)


def _is_end(token: str, stops: Sequence[str]) -> bool:
    """Tell whether a token ends the answer: it has no text, or it begins a stop sequence."""
    start = token.lstrip(" ")
    return not token or (bool(start) and any(stop.startswith(start) or start.startswith(stop) for stop in stops))


def _folded(text: str) -> str:
    return "".join(one if len(one.lower()) > 1 else one.lower() for one in " ".join(text.split()))


def _starts(text: str, at: int) -> bool:
    """Tell whether a word, a number or an amount of money starts at this position."""
    is_first = text[at].isalnum() or unicodedata.category(text[at]) in ("Sc", "Sm")
    return is_first and (at == 0 or not _is_inside(text, at))


def _ends(text: str, at: int) -> bool:
    """Tell whether a word can end at this position: no word continues there."""
    return at == len(text) or not _is_inside(text, at)


def _is_inside(text: str, at: int) -> bool:
    """Tell whether the position is inside a word: there are letters or digits on both sides."""
    return bool(_LETTER.match(text[at - 1]) and _LETTER.match(text[at]))
