"""Tell which outcomes a partial answer can still become."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

_WIDE_BLANKS = ("\u3000", "\u00a0")  # white space of several UTF-8 bytes that models write before a word
_SHORTEST = 3  # the fewest letters that count as an abbreviation of a word
_GAP = re.compile(r"[\s_/-]+")  # stands between the words of an outcome
_UNTOLD = "\ufffd"  # servers show this for a token that is only part of a character


class Reading(NamedTuple):
    """Which outcomes a partial answer is, or can become."""

    got: frozenset[str]
    """The outcomes that the text already names: one, none, or several with the same word."""
    may: frozenset[str]
    """The outcomes that the text can still become; empty if more text would not change `got`."""


class Spelling:
    """Matches the text that a model writes against the words of some outcomes.

    A partial character is matched by its bytes; if a server shows it as U+FFFD, it matches any non-ASCII character.
    White space before a word and between its parts is ignored, and so is case, unless two outcomes differ only in
    case. An answer that continues after a whole word means that word, as in `starts_with_word`. An answer that ends
    before a word is complete is an abbreviation if it begins only one word: "tech" means "technology".

    >>> spelling = Spelling({"a": "science", "b": "science fiction", "c": "sports"}, stops=["\\n"])
    >>> sorted(spelling.read(b" science").may), sorted(spelling.read(b" science\\n").got)
    (['a', 'b'], ['a'])
    """

    def __init__(self, words: Mapping[str, str], *, stops: Sequence[str] = ()):
        self.words = {outcome: " ".join(word.split()) for outcome, word in words.items()}
        self._folded = {outcome: word.casefold() for outcome, word in self.words.items()}
        self._stops = tuple(stops)

    def read(self, said: bytes, *, ended: bool = False) -> Reading:
        """Read an answer that begins with these bytes, or, if `ended`, consists of them."""
        text, rest = _whole_characters(said)
        at = min((place for stop in self._stops if (place := text.find(stop)) >= 0), default=-1)
        if at >= 0:
            text, rest, ended = text[:at], b"", True
        text = _squeezed(text)
        if ended:
            text = text.rstrip()
            return Reading(self._come_to(text) or self._short_for(text), frozenset())
        longer = self._continued(text, rest)
        if not longer:
            return Reading(self._come_to(text), frozenset())
        return Reading(frozenset(), longer | self._written(text.rstrip()))

    def begun(self, said: bytes, outcome: str) -> str:
        """Return the part of the outcome's current word that the answer ends with.

        It is empty if that word is complete and the outcome has another word after it.

        >>> spelling = Spelling({"a": "science fiction"})
        >>> spelling.begun(b" scie", "a"), spelling.begun(b" science", "a"), spelling.begun(b" science f", "a")
        ('scie', '', 'f')
        """
        text = _squeezed(_whole_characters(said)[0])
        is_complete = _GAP.match(self.words[outcome][len(text) :])
        return "" if is_complete else _GAP.split(text)[-1]

    def _continued(self, text: str, rest: bytes) -> frozenset[str]:
        """Return the outcomes whose words start with the text and continue with a character that starts with `rest`."""
        folded = text.casefold()
        longer = [
            outcome
            for outcome, word in self._folded.items()
            if len(word) > len(folded) and word.startswith(folded) and _may_start(word[len(folded) :], rest)
        ]
        if not text and rest and any(blank.encode().startswith(rest) for blank in _WIDE_BLANKS):
            longer = [*self.words]
        return self._as_cased(longer, text)

    def _written(self, text: str) -> frozenset[str]:
        """Return the outcomes whose word equals the text."""
        folded = text.casefold()
        return self._as_cased([outcome for outcome, word in self._folded.items() if word == folded], text)

    def _come_to(self, text: str) -> frozenset[str]:
        """Return the outcomes with the longest word that the text starts with as a whole word."""
        folded = text.casefold()
        begun = [outcome for outcome, word in self._folded.items() if word and _starts_with(folded, word)]
        longest = max((len(self._folded[outcome]) for outcome in begun), default=0)
        return self._as_cased([outcome for outcome in begun if len(self._folded[outcome]) == longest], text)

    def _short_for(self, text: str) -> frozenset[str]:
        """Return the outcome that the text abbreviates: the only one whose word starts with it; else none."""
        longer = self._continued(text, b"")
        is_enough = len(text) >= _SHORTEST and text.replace(" ", "").isalpha()
        return longer if is_enough and len(longer) == 1 else frozenset()

    def _as_cased(self, outcomes: Iterable[str], text: str) -> frozenset[str]:
        """Drop outcomes whose word differs from another's only in case if the text is written like the other."""
        by_word: dict[str, list[str]] = {}
        for outcome in outcomes:
            by_word.setdefault(self._folded[outcome], []).append(outcome)
        kept: set[str] = set()
        for alike in by_word.values():
            same = [one for one in alike if self.words[one].startswith(text) or text.startswith(self.words[one])]
            kept.update(same or alike)
        return frozenset(kept)


def _whole_characters(said: bytes) -> tuple[str, bytes]:
    """Split bytes into the text of all whole characters and the bytes of a partial character at the end."""
    if said.endswith(_UNTOLD.encode()):
        return said.decode(errors="replace").rstrip(_UNTOLD), _UNTOLD.encode()
    for length in range(min(3, len(said)) + 1):
        whole, rest = said[: len(said) - length], said[len(said) - length :]
        if (not rest or _is_begun(rest)) and (text := _decoded(whole)) is not None:
            return text, rest
    return said.decode(errors="replace"), b""


def _is_begun(rest: bytes) -> bool:
    """Tell whether the bytes are the beginning of a UTF-8 character and not all of it."""
    length = 2 if rest[0] >> 5 == 0b110 else 3 if rest[0] >> 4 == 0b1110 else 4 if rest[0] >> 3 == 0b11110 else 0
    return len(rest) < length and all(byte >> 6 == 0b10 for byte in rest[1:])


def is_whole(data: bytes) -> bool:
    """Tell whether the bytes are valid text that does not end inside a character."""
    return _decoded(data) is not None and not data.endswith(_UNTOLD.encode())


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _squeezed(text: str) -> str:
    """Replace each run of white space by one space, and remove leading white space."""
    words = " ".join(text.split())
    return f"{words} " if words and text[-1].isspace() else words


def _may_start(word: str, rest: bytes) -> bool:
    """Tell whether the word's first character, in upper or lower case, can start with these bytes."""
    if not rest:
        return True
    first = word[:1]
    if rest == _UNTOLD.encode():
        return not first.isascii()
    return any(one.encode().startswith(rest) for one in (first, first.upper(), first.lower()))


def _starts_with(text: str, word: str) -> bool:
    """Tell whether the text starts with the word as a whole word."""
    before, after = word[-1:], text[len(word) : len(word) + 1]
    goes_on = before.isascii() and before.isalnum() and after.isascii() and after.isalnum()
    return text.startswith(word) and not goes_on
