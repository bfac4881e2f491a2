"""Text statistics: terms, how rare they are, how much of one text another covers or begins with."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Set

HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters, as part of a regular expression's class."""
CJK = HAN + "\u3040-\u30ff"
"""Characters of scripts without spaces between words, Chinese and Japanese, as part of a class."""

_WORD = re.compile(r"[^\W_]+")
_CJK_RUN = re.compile(f"[{CJK}]+")
_HAN = re.compile(f"[{HAN}]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_EDGES = " .,;:!?\"'()[]。，；：！？、“”‘’（）"
PUNCTUATION = " \t\r\n.,;:!?\"'`*()[]。，；：！？、“”‘’（）"
"""What may stand before a word that a completion starts with."""
_STEM = 6  # letters
_COMMON = 0.01  # share of the texts


def normal_form(text: str) -> str:
    """Return a text in the form in which labels and names are kept and compared (Unicode's NFC).

    >>> normal_form("cafe\\u0301") == "caf\\u00e9"
    True
    """
    return unicodedata.normalize("NFC", text)


def has_chinese(text: str) -> bool:
    """Tell whether a text has Chinese characters.

    >>> has_chinese("多少?"), has_chinese("How many?")
    (True, False)
    """
    return _HAN.search(text) is not None


def terms(text: str) -> Iterator[str]:
    """Yield the terms of a text: words without a plural's s, cut to six letters; pairs of Chinese characters.

    >>> list(terms("Who built the bridges?"))
    ['who', 'built', 'the', 'bridge']
    >>> list(terms("北京大学"))
    ['北京', '京大', '大学']
    """
    for run in _WORD.findall(_normalized(text)):
        rest = run
        for cjk in _CJK_RUN.findall(run):
            yield from (cjk[at : at + 2] for at in range(max(1, len(cjk) - 1)))
            rest = rest.replace(cjk, " ")
        yield from (_stem(word) for word in rest.split())


def coverage(asked: Iterable[str], there: Set[str], *, idf: Mapping[str, float], rare: float) -> float:
    """Return which share of the asked terms is there, each weighed by its idf; 1 if nothing is asked."""
    weights = {term: idf.get(term, rare) for term in asked}
    total = math.fsum(weights.values())
    return math.fsum(weight for term, weight in weights.items() if term in there) / total if total else 1.0


def idf_of(texts: Collection[Set[str]]) -> tuple[dict[str, float], float]:
    """Return the inverse document frequency of the common terms, and what all rarer ones count.

    >>> idf_of([{"the", "bridge"}, {"the"}, {"the", "ship"}])
    ({'the': 0.0}, 1.386)
    """
    seen = Counter(term for text in texts for term in text)
    total = len(texts)
    common = {term: count for term, count in sorted(seen.items()) if count > max(2, _COMMON * total)}
    rare = round(math.log(total + 1), 3)
    return {term: round(math.log((total + 1) / (count + 1)), 3) for term, count in common.items()}, rare


def is_grounded(answer: object, context: str) -> bool:
    """Tell whether an answer stands in the context, whatever the case, the width and the white space.

    >>> is_grounded("the Rhine.", "It crosses the  RHINE twice."), is_grounded(12, "It has 1,200 seats.")
    (True, False)
    """
    text = f"{answer:.15g}" if isinstance(answer, float) else str(answer)
    wanted = _THOUSANDS.sub("", _normalized(text)).strip(_EDGES)
    if not wanted:
        return False
    before = r"(?<![a-z0-9])" if wanted[0].isascii() else ""
    after = r"(?![a-z0-9])" if wanted[-1].isascii() else ""
    return re.search(before + re.escape(wanted) + after, _THOUSANDS.sub("", _normalized(context))) is not None


def lead_text(inputs: Mapping[str, object], names: Iterable[str]) -> str:
    """Return the text of the inputs that ask."""
    return "\n".join(str(inputs[name]) for name in names)


def _stem(word: str) -> str:
    return (word[:-1] if len(word) > 3 and word.endswith("s") else word)[:_STEM]


def _normalized(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def mentions_word(text: str, word: str) -> bool:
    """Tell whether the word stands anywhere in the text; Chinese has no edges between words."""
    before = r"(?<![^\W_])" if word[0].isascii() else ""
    after = r"(?![^\W_])" if word[-1].isascii() else ""
    return re.search(before + re.escape(word) + after, text, re.IGNORECASE) is not None


def starts_with_word(text: str, word: str) -> bool:
    """Tell whether the text starts with the word, whatever its case, and the word ends there."""
    start = text.lstrip(PUNCTUATION)
    if start[: len(word)].casefold() != word.casefold():
        return False
    after = start[len(word) : len(word) + 1]
    return not (word[-1].isascii() and word[-1].isalnum() and after.isascii() and after.isalnum())


def shared_length(one: str, other: str) -> int:
    """Return how many characters two texts begin alike with.

    >>> shared_length("Good film", "Good book")
    5
    """
    # By bisection, since slices are compared far quicker than characters.
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
