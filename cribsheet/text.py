"""Text statistics, such as which terms a text has or how rare a term is."""

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set

HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters, to be put inside the brackets of a regular expression."""
CJK = HAN + "\u3040-\u30ff"
"""Chinese and Japanese characters (scripts without spaces between words), to be put inside such brackets."""

_WORD = re.compile(r"[^\W_]+")
_CJK_RUN = re.compile(f"[{CJK}]+")
_SPLIT = re.compile(f"[{CJK}]|[^{CJK}]+")
_HAN = re.compile(f"[{HAN}]")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_EDGES = " .,;:!?\"'()[]。，；：！？、“”‘’（）"
PUNCTUATION = " \t\r\n.,;:!?\"'`*()[]。，；：！？、“”‘’（）"
"""Characters to skip at the start of a completion before its first word."""
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
"""Unicode's categories of invisible characters."""
_STEM = 6  # letters that a term keeps of a word
_COMMON = 0.01  # share of the texts in which a term has to occur to count as common


def normal_form(text: str) -> str:
    """Return a text in Unicode's normal form NFC, in which labels and names are stored and compared.

    >>> normal_form("cafe\\u0301") == "caf\\u00e9"
    True
    """
    return unicodedata.normalize("NFC", text)


def check_characters(name: str, text: str) -> None:
    """Raise ValueError if the text has a character that a UTF-8 file or an engine cannot hold.

    >>> check_characters("text", "a\\0b")
    Traceback (most recent call last):
        ...
    ValueError: text has the character NUL at position 1
    """
    if "\0" in text:
        raise ValueError(f"{name} has the character NUL at position {text.index(chr(0))}")
    if fault := half_character(text):
        raise ValueError(f"{name} {fault}")


def is_blank(text: str) -> bool:
    """Tell whether a text has no visible character.

    >>> is_blank(" \\u200b"), is_blank(" ?")
    (True, False)
    """
    return all(unicodedata.category(char) in _UNSEEN for char in text)


def half_character(text: str) -> str:
    """Say which half of a surrogate pair a text has; empty if it has none. No file, server or engine takes it.

    >>> half_character("a\\ud83d"), half_character("a")
    ("has half of a surrogate pair, '\\\\ud83d', at position 1", '')
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"has half of a surrogate pair, {text[error.start]!r}, at position {error.start}"
    return ""


def folded(text: str) -> str:
    """Return a text with case, spacing and Unicode form normalized, so that trivial copies count as equal.

    >>> folded("Not  ONE bad view. ")
    'not one bad view.'
    """
    return " ".join(normal_form(text).split()).casefold()


def unquoted(text: str) -> str | None:
    """Return the content of a JSON string; None if the text is not one.

    >>> unquoted('"a, b"'), unquoted("a, b")
    ('a, b', None)
    """
    if not text.startswith('"'):
        return None
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, str) else None


def repeated(names: Sequence[str]) -> str | None:
    """Return the first name that occurs more than once.

    >>> repeated(["a", "b", "b"]), repeated(["a"])
    ('b', None)
    """
    return next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None


def counted(number: float, noun: str, nouns: str = "") -> str:
    """Return a number with its noun, in the plural `nouns` unless it is 1; without `nouns`, an s is added.

    >>> counted(1, "row"), counted(2_000, "row"), counted(0.5, "second"), counted(2, "entry", "entries")
    ('1 row', '2,000 rows', '0.5 seconds', '2 entries')
    """
    told = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{told} {noun if number == 1 else nouns or f'{noun}s'}"


def megabytes(count: int) -> str:
    """Return a number of bytes in megabytes, of 1,000,000 bytes each.

    >>> megabytes(98_362_432), megabytes(1_400_000_000), megabytes(0), megabytes(12_300)
    ('98 MB', '1,400 MB', '0 MB', '0.01 MB')
    """
    digits = 0 if count == 0 or count >= 10_000_000 else 1 if count >= 1_000_000 else 2
    return f"{count / 1e6:,.{digits}f} MB"


def shortened(text: str, limit: int = 240) -> str:
    """Cut the end off a long text, as a message shows it.

    >>> shortened("abcdef", 3)
    'abc…'
    """
    return text if len(text) <= limit else f"{text[:limit]}…"


MOST_LISTED = 100
"""The most labels that a message lists; a task may have thousands."""


def listed(names: Sequence[str], between: str = ", ") -> str:
    """Return names as a message lists them; of very many, only the first ones.

    >>> listed(["a", "b"]), listed([str(number) for number in range(10_000)])[-24:]
    ('a, b', '98, 99 and 9,900 further')
    """
    rest = len(names) - MOST_LISTED
    return between.join(names[:MOST_LISTED]) + (f" and {rest:,} further" if rest > 0 else "")


def has_chinese(text: str) -> bool:
    """Tell whether a text contains Chinese characters.

    >>> has_chinese("多少?"), has_chinese("How many?")
    (True, False)
    """
    return _HAN.search(text) is not None


def spaced_words(text: str) -> str:
    """Return the words of a text with blanks between them; each Chinese or Japanese character is a word.

    >>> spaced_words("It's 桥封了!")
    'It s 桥 封 了'
    """
    return " ".join(part for run in _WORD.findall(text) for part in _SPLIT.findall(run))


def terms(text: str) -> Iterator[str]:
    """Yield the terms of a text: words without a final s, cut to six letters; pairs of Chinese characters.

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
    """Return the share of the `asked` terms that are in `there`, weighted by idf; 1 if `asked` is empty.

    A term that is not in `idf` has the weight `rare`.
    """
    weights = {term: idf.get(term, rare) for term in asked}
    total = math.fsum(weights.values())
    return math.fsum(weight for term, weight in weights.items() if term in there) / total if total else 1.0


def idf_of(texts: Collection[Set[str]]) -> tuple[dict[str, float], float]:
    """Return the inverse document frequency of each common term, and one value for all rarer terms.

    >>> idf_of([{"the", "bridge"}, {"the"}, {"the", "ship"}])
    ({'the': 0.0}, 1.386)
    """
    seen = Counter(term for text in texts for term in text)
    total = len(texts)
    common = {term: count for term, count in sorted(seen.items()) if count > max(2, _COMMON * total)}
    rare = round(math.log(total + 1), 3)
    return {term: round(math.log((total + 1) / (count + 1)), 3) for term, count in common.items()}, rare


def is_grounded(answer: object, context: str) -> bool:
    """Tell whether the context contains the answer, ignoring case, character width and white space.

    Of a list or a record, it has to contain each value.

    >>> is_grounded("the Rhine.", "It crosses the  RHINE twice."), is_grounded(12, "It has 1,200 seats.")
    (True, False)
    >>> is_grounded([{"name": "Ann", "age": None}], "Ann met Bob.")
    True
    """
    if isinstance(answer, list | dict):
        parts = [one for one in (answer.values() if isinstance(answer, dict) else answer) if one is not None]
        return bool(parts) and all(is_grounded(one, context) for one in parts)
    text = f"{answer:.15g}" if isinstance(answer, float) else str(answer)
    wanted = _THOUSANDS.sub("", _normalized(text)).strip(_EDGES)
    if not wanted:
        return False
    before = r"(?<![a-z0-9])" if wanted[0].isascii() else ""
    after = r"(?![a-z0-9])" if wanted[-1].isascii() else ""
    return re.search(before + re.escape(wanted) + after, _THOUSANDS.sub("", _normalized(context))) is not None


def occurrences(answer: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the text has the answer, as start and end, ignoring case and white space.

    >>> list(occurrences("the  Rhine.", "The Rhine is long."))
    [(0, 9)]
    """
    words = answer.strip(_EDGES).split()
    if not words:
        return
    before = r"(?<![a-z0-9])" if words[0][0].isascii() else ""
    after = r"(?![a-z0-9])" if words[-1][-1].isascii() else ""
    pattern = before + r"\s+".join(map(re.escape, words)) + after
    yield from (found.span() for found in re.finditer(pattern, text, re.IGNORECASE))


def lead_text(inputs: Mapping[str, object], names: Iterable[str]) -> str:
    """Return the text of the named inputs, one per line; the names are of the inputs that ask, such as `question`."""
    return "\n".join(str(inputs[name]) for name in names)


def _stem(word: str) -> str:
    return (word[:-1] if len(word) > 3 and word.endswith("s") else word)[:_STEM]


def _normalized(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def mentions_word(text: str, word: str) -> bool:
    """Tell whether the text contains the word as a whole word; a Chinese word may stand between other characters."""
    before = r"(?<![^\W_])" if word[0].isascii() else ""
    after = r"(?![^\W_])" if word[-1].isascii() else ""
    return re.search(before + re.escape(word) + after, text, re.IGNORECASE) is not None


def starts_with_word(text: str, word: str) -> bool:
    """Tell whether the text starts with the word as a whole word, ignoring case."""
    start = text.lstrip(PUNCTUATION)
    if start[: len(word)].casefold() != word.casefold():
        return False
    after = start[len(word) : len(word) + 1]
    return not (word[-1].isascii() and word[-1].isalnum() and after.isascii() and after.isalnum())


def shared_length(one: str, other: str) -> int:
    """Return the length of the longest common prefix of two texts.

    >>> shared_length("Good film", "Good book")
    5
    """
    # Bisection, because Python compares slices much faster than single characters.
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
