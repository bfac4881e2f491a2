"""The base class of kinds whose values are made of other values."""

import ast
import json
from collections.abc import Sequence
from typing import Any, ClassVar

from cribsheet.outcomes import Value, shortest
from cribsheet.signature.types._base import ValueType, Verbalizer
from cribsheet.signature.types._notation import GROUPS, NONE, SEPARATORS, says_none
from cribsheet.signature.types.optional import Optional
from cribsheet.text import repeated, shortened, unquoted

_UNSAFE = SEPARATORS + GROUPS
_QUOTED = "\"'[{-*•`#"
"""Characters with which an item may not begin without quotes."""
_HOW = {
    "json": "as JSON",
    "lines": "one part a line, after a dash or its name and a colon, or {none!r} if there is none",
    "inline": "on one line, separated by commas or semicolons, or {none!r} if there is none",
}
_MOST_CHARACTERS = 100_000
"""The longest text that is read as a Python literal."""


class Structured(ValueType):
    """A kind whose values are JSON arrays or objects, which a prompt writes in one of several notations."""

    is_structured: ClassVar[bool] = True
    brackets: ClassVar[str]
    """The characters with which the JSON of a value may begin."""

    def coerce(self, raw: object) -> Value:
        """Convert a JSON value, or the text of a cell that is JSON."""
        if not isinstance(raw, str):
            return self.built(raw)
        if raw.strip()[:1] not in tuple(self.brackets):
            raise ValueError(f"must be {self.noun}, as JSON, but got {shortened(repr(raw))}")
        return self.built(json_of(raw.strip(), self.brackets))

    def built(self, raw: Any) -> Value:
        """Return the value that a JSON array or object holds; ValueError if it is not of this kind."""
        raise NotImplementedError

    def write(self, value: Value, word: Verbalizer) -> str:
        """Return the value as JSON on one line."""
        return json.dumps(shortest(value), ensure_ascii=False)

    def read(self, text: str, word: Verbalizer) -> Value:
        """Return the value that JSON in a text holds."""
        return self.built(json_of(text, self.brackets))

    def written_grammar(self, word: Verbalizer) -> str:
        """Return the grammar of a value's JSON."""
        return self.grammar()

    def write_as(self, value: Value, word: Verbalizer, notation: str) -> str:
        """Return the value in a notation; in any but JSON, an empty value is the word for none."""
        if notation == "json":
            return self.write(value, word)
        if notation == "lines":
            return "\n".join(self.block(value, word))
        return self.inline(value, word)

    def read_as(self, text: str, word: Verbalizer, notation: str) -> Value:
        """Return the value of a text in a notation; a text that begins as JSON is read as such in each of them."""
        text = without_fence(text)
        if notation == "json" or text.lstrip()[:1] in tuple(self.brackets):
            return self.read(text, word)
        if notation == "lines":
            return self.built(read_block_of(self, text.splitlines(), word))
        return self.built(self.read_inline(text, word))

    def block(self, value: Value, word: Verbalizer) -> list[str]:
        """Return the lines of a value in the notation `lines`."""
        raise NotImplementedError

    def read_block(self, lines: Sequence[str], word: Verbalizer) -> Value:
        """Return the value that lines say."""
        raise NotImplementedError

    def inline(self, value: Value, word: Verbalizer) -> str:
        """Return a value in the notation `inline`."""
        raise NotImplementedError

    def read_inline(self, text: str, word: Verbalizer) -> Value:
        """Return the value that a text on one line says."""
        raise NotImplementedError

    def form(self, word: Verbalizer) -> str:
        """Say that the value is JSON."""
        return self.form_as(word, "json")

    def reading(self, word: Verbalizer) -> str:
        """Say that the value is JSON."""
        return self.reading_as(word, "json")

    def form_as(self, word: Verbalizer, notation: str) -> str:
        """Say what the value is, and how it is written."""
        return f"{self.told}, {_HOW[notation].format(none=word(NONE))}"

    def reading_as(self, word: Verbalizer, notation: str) -> str:
        """Say what the value is, and how it is written."""
        return f"is {self.form_as(word, notation)}"

    @property
    def metavar(self) -> str:
        """The placeholder for a value in a command's help text."""
        return "JSON"


def json_of(text: str, brackets: str) -> Any:
    """Return the JSON value in a text, from the first of these brackets on.

    Small models often write Python's literals, with single quotes or a trailing comma, so these are read too. A value
    that is cut off is an error: what is missing cannot be known.

    >>> json_of("Here: ['a', 'b',]", "[")
    ['a', 'b']

    If the text begins with JSON of the other kind, such as a list where an object is wanted, the wanted value may be
    its only part. If it has several parts, choosing one would be a guess.

    >>> json_of('[{"name": "Ann"}]', "{")
    {'name': 'Ann'}

    Raises:
        ValueError: if there is no such value, it is one of several, it is cut off, or it names a key twice.
    """
    first = text.lstrip()[:1]
    if first in tuple("[{") and first not in brackets:
        return _only_part(text, json_of(text, first), brackets)
    start = min((text.find(bracket) for bracket in brackets if bracket in text), default=-1)
    if start < 0:
        raise ValueError(f"must be JSON that begins with {' or '.join(brackets)} but got {text[:80]!r}")
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeated, parse_constant=_refuse_constant)
    try:
        value, _ = decoder.raw_decode(text, start)
    except (json.JSONDecodeError, RecursionError):
        return _literal(text[start:])
    return value


def _only_part(text: str, whole: Any, brackets: str) -> Any:
    parts = [*whole.values()] if isinstance(whole, dict) else list(whole)
    wanted = dict if "{" in brackets else list | tuple
    if len(parts) != 1 or not isinstance(parts[0], wanted):
        raise ValueError(f"must be JSON that begins with {' or '.join(brackets)} but got {text[:80]!r}")
    return parts[0]


def _literal(text: str) -> Any:
    end = max(text.rfind("]"), text.rfind("}")) + 1
    try:
        if len(text) > _MOST_CHARACTERS:
            raise ValueError("too long")
        tree = ast.parse(text[:end], mode="eval")
        value = ast.literal_eval(tree)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError(f"has JSON that is cut off or damaged: {text[:80]!r}") from None
    for one in ast.walk(tree):
        if isinstance(one, ast.Dict):
            _check_names([key.value for key in one.keys if isinstance(key, ast.Constant)])
    return value


def _without_repeated(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    _check_names([name for name, _ in pairs])
    return dict(pairs)


def _check_names(names: Sequence[Any]) -> None:
    """Raise ValueError if a name comes twice; Python itself would silently keep the last value."""
    twice = repeated(names)
    if twice is not None:
        raise ValueError(f"names {twice!r} twice")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"has {name}, which is not a number of JSON")


def without_fence(text: str) -> str:
    """Return the content of a Markdown code block if the text is one, else the text.

    >>> without_fence("```json\\n[1]\\n```")
    '[1]'
    """
    if not text.lstrip().startswith("```"):
        return text
    _, _, rest = text.lstrip().partition("\n")
    return rest.partition("```")[0].strip("\n")


def block_of(kind: ValueType, value: Value, word: Verbalizer) -> list[str]:
    """Return the lines of a value of any kind in the notation `lines`."""
    return kind.block(value, word) if isinstance(kind, Structured) else [_scalar(kind, value, word)]


def read_block_of(kind: ValueType, lines: Sequence[str], word: Verbalizer) -> Value:
    """Return the value of any kind that lines say."""
    text = "\n".join(lines).strip()
    if not isinstance(kind, Structured):
        return _read_scalar(kind, text, word)
    if text[:1] in tuple(kind.brackets):
        return kind.read(text, word)
    return kind.read_block([line for line in lines if line.strip()], word)


def inline_of(kind: ValueType, value: Value, word: Verbalizer) -> str:
    """Return a value of any kind in the notation `inline`."""
    return kind.inline(value, word) if isinstance(kind, Structured) else _scalar(kind, value, word, unsafe=_UNSAFE)


def read_inline_of(kind: ValueType, text: str, word: Verbalizer) -> Value:
    """Return the value of any kind that a text on one line says."""
    return kind.read_inline(text, word) if isinstance(kind, Structured) else _read_scalar(kind, text, word)


def _scalar(kind: ValueType, value: Value, word: Verbalizer, *, unsafe: str = "") -> str:
    """Return one item's text, as a JSON string if it contains an unsafe character or would not read back."""
    text = kind.write(value, word)
    is_safe = not any(char in text for char in unsafe) and _reads_back(kind, text, value, word)
    return text if is_safe else json.dumps(text, ensure_ascii=False)


def _read_scalar(kind: ValueType, text: str, word: Verbalizer) -> Value:
    """Return the value of one item's text; a JSON string never stands for a value that is not there."""
    inner = unquoted(text.strip())
    if inner is None:
        return kind.read(text.strip(), word)
    kind = kind.item if isinstance(kind, Optional) else kind
    return inner if kind.is_text else kind.read(inner, word)


def _reads_back(kind: ValueType, text: str, value: Value, word: Verbalizer) -> bool:
    is_plain = text == text.strip() and len(text.splitlines()) == 1 and not (kind.is_text and text[0] in _QUOTED)
    if not is_plain or (value is not None and says_none(text, word)):
        return False
    try:
        return _read_scalar(kind, text, word) == value
    except ValueError:
        return False
