"""Split texts that write several values."""

import re
from collections.abc import Callable, Iterator, Sequence

from cribsheet.text import unquoted

NOTATIONS = ("json", "lines", "inline")
"""How a value that is made of others can be written: JSON; an item or a name a line, with indentation, as in YAML; all
on one line, with commas."""
NONE = "none"
"""The outcome whose word stands for an empty list, or for a value that is not there."""
SEPARATORS = ",，、"
"""What separates values on one line; Chinese texts use the last two."""
GROUPS = ";；"
"""What separates records on one line."""

_BULLET = re.compile(r"\s?(?:[-*•·–]|\d{1,3}[.)、])\s*")


def says_none(text: str, word: Callable[[str], str]) -> bool:
    """Tell whether a text is the word for none.

    >>> says_none("None.", str)
    True
    """
    return text.strip().rstrip(".。").casefold() == word(NONE).casefold()


def split(text: str, separators: str) -> list[str]:
    """Return the parts between separators, or line breaks, that are not inside double quotes.

    A prompt writes a part with a line break in quotes, so a model that breaks the line begins another part.

    >>> split('Anna, "Smith, Bob"', ","), split("Anna,\\nBob\\nCleo", ",")
    (['Anna', '"Smith, Bob"'], ['Anna', 'Bob', 'Cleo'])
    """
    parts, begun, quoted, escaped = [], 0, False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"' and (quoted or not text[begun:at].strip() or text[begun:at].rstrip().endswith(":")):
            quoted = not quoted
        elif not quoted and (char in separators or (char in "\r\n" and text[begun:at].strip())):
            parts.append(text[begun:at])
            begun = at + 1
    return [part.strip() for part in (*parts, text[begun:])]


def without_bullet(line: str) -> str | None:
    """Return the rest of a line that begins with a bullet or a number; None if it does not begin so.

    >>> without_bullet("- Anna"), without_bullet("2. Bob"), without_bullet("Anna")
    ('Anna', 'Bob', None)
    """
    match = _BULLET.match(line)
    return line[match.end() :] if match else None


def items(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the lines of each item of a list; further lines of an item are indented by two spaces."""
    own: list[str] = []
    for line in lines:
        rest = without_bullet(line) if not line.startswith("  ") else None
        if rest is not None:
            if own:
                yield own
            own = [rest]
        elif line.strip():
            own.append(line.removeprefix("  "))
    if own:
        yield own


def named(lines: Sequence[str], names: Sequence[str] | None) -> Iterator[tuple[str, list[str]]]:
    """Yield each name with its lines: the text after its colon, and the indented lines below it.

    With `names`, only these begin a part, in any case, and they are yielded as spelled there; other lines are passed
    over. Else every line that is not indented does.
    """
    found: tuple[str, list[str]] | None = None
    for line in lines:
        name = None if line.startswith("  ") else name_of(line, names)
        if name is not None:
            if found:
                yield found
            found = (name, [after_colon(line)])
        elif found and line.strip():
            found[1].append(line.removeprefix("  "))
    if found:
        yield found


def name_of(text: str, names: Sequence[str] | None) -> str | None:
    """Return the name before the first colon of a text; None if it is not one of the names."""
    quoted = re.match(r'\s*("(?:[^"\\]|\\.)*")\s*[:：]', text)
    if quoted:
        own = unquoted(quoted.group(1))
    else:
        match = re.match(r"\s*[-*•]?\s*([^:：]*?)\s*[:：]", text)
        own = match.group(1).strip("*`\"' ") if match else None
    if own is None or names is None:
        return own
    return next((name for name in names if _folded(name) == _folded(own)), None)


def after_colon(text: str) -> str:
    """Return the text after a name and its colon."""
    quoted = re.match(r'\s*"(?:[^"\\]|\\.)*"\s*[:：]', text)
    if quoted:
        return text[quoted.end() :].strip()
    return re.split("[:：]", text, maxsplit=1)[1].strip()


def _folded(name: str) -> str:
    return name.replace("_", " ").casefold()
