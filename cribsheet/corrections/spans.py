"""Extract an answer from a text by constrained decoding: the model may write nothing but a span of the text."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from cribsheet.layout.decisions import NextToken
from cribsheet.text import CJK

_LETTER = re.compile(rf"[^\W_{CJK}]")
_WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}]+(?:[-–.,'’][^\W_{CJK}]+)*")


class Spans:
    """The spans of a text: from where a word starts to where one ends, whatever the case.

    Each Chinese character is a word.

    >>> spans = Spans("The hierarchy theorems hold.")
    >>> spans.begin("hierarchy the"), spans.hold("hierarchy the"), spans.hold("hierarchy theorems")
    (True, False, True)
    >>> Spans("约翰到了北京。").hold("北京")
    True
    """

    def __init__(self, text: str):
        self.text = " ".join(text.split())
        """The text with each run of white space as one blank."""
        self.folded = _folded(text)
        """That in lower case: each character stays where it is."""
        self._starts = [at for at in range(len(self.folded)) if _starts(self.folded, at)]

    def words(self) -> Iterator[tuple[int, str]]:
        """Yield the start of each word of the text, and the word; `1,200` and `well-known` are one word each."""
        yield from ((found.start(), found.group()) for found in _WORD.finditer(self.text))

    def begin(self, words: str) -> bool:
        """Tell whether some span begins with these words."""
        return bool(self._places_of(words))

    def hold(self, words: str) -> bool:
        """Tell whether these words are a span."""
        length = len(_folded(words))
        return length > 0 and any(_ends(self.folded, at + length) for at in self._places_of(words))

    def beginning(self, words: str) -> str:
        """Return the longest beginning of the words that is a span; empty if none is."""
        parts = (words[:length].rstrip() for length in range(len(words), 0, -1) if _ends(words, length))
        return next(filter(self.hold, parts), "")

    def begun(self, words: str) -> str:
        """Return that beginning in the spelling of the folded text."""
        return _folded(self.beginning(words))

    def _places_of(self, words: str) -> list[int]:
        """Return the starts of the spans that begin with these words."""
        folded = _folded(words)
        return [at for at in self._starts if self.folded.startswith(folded, at)]


def extract(words: str, text: str, next_token: NextToken, *, stops: Sequence[str], tokens: int) -> str:
    """Return the span of the text that the model writes under the constraint.

    What the model wrote, `words`, stands up to the point where it leaves the text. From there on, each token is the
    likeliest of those that `next_token` tells that continues some span, or that ends a span: greedy decoding
    under a constraint, as De Cao et al. 2021 (arXiv:2010.00904) decode names of entities. `tokens` are the most
    to be written; empty if none that is told begins a span.
    """
    spans = Spans(text)
    found = spans.beginning(words)
    for _ in range(tokens):
        told = next_token(found) or {}
        may = {token: logprob for token, logprob in told.items() if _may_follow(token, found, spans, stops)}
        if not may:
            break
        token = max(may, key=may.__getitem__)
        if _is_end(token, stops):
            break
        found += token
    return spans.beginning(found).strip()


def _may_follow(token: str, words: str, spans: Spans, stops: Sequence[str]) -> bool:
    if _is_end(token, stops):
        return spans.hold(words)
    return bool(token.strip()) and spans.begin(words + token)


def _is_end(token: str, stops: Sequence[str]) -> bool:
    """Tell whether a token ends the answer: it has no text, or it begins a stop sequence."""
    start = token.lstrip(" ")
    return not token or (bool(start) and any(stop.startswith(start) or start.startswith(stop) for stop in stops))


def _folded(text: str) -> str:
    return "".join(one if len(one.lower()) > 1 else one.lower() for one in " ".join(text.split()))


def _starts(text: str, at: int) -> bool:
    """Tell whether a word, a number or an amount starts there."""
    is_first = text[at].isalnum() or unicodedata.category(text[at]) in ("Sc", "Sm")
    return is_first and (at == 0 or not _is_inside(text, at))


def _ends(text: str, at: int) -> bool:
    """Tell whether no word goes on there."""
    return at == len(text) or not _is_inside(text, at)


def _is_inside(text: str, at: int) -> bool:
    """Tell whether a place has letters or digits of one word on both sides."""
    return bool(_LETTER.match(text[at - 1]) and _LETTER.match(text[at]))
