"""Read the tables of words that are common in prompts."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

Language = Literal["en", "zh"]


class Names(NamedTuple):
    """Names of fields that go together; empty if a field keeps its own."""

    output: str
    text: str = ""
    question: str = ""


class Tables(NamedTuple):
    """What `words.toml` holds."""

    roles: Mapping[str, frozenset[str]]
    """By role, such as `question`, the names that fields with this role often have."""
    names: Mapping[Language, Mapping[str, tuple[Names, ...]]]
    """Sets of field names by the role of the output, the most common first."""
    aliases: Mapping[str, str]
    """By label, another label with the same meaning, such as `pos` and `positive`."""
    families: Mapping[Language, tuple[tuple[Mapping[str, str], ...], ...]]
    """Labels that belong together, such as negative and positive, with sets of words for them, common ones first."""
    unanswerable: Mapping[Language, tuple[str, ...]]
    """Words for `Unanswerable`, the clearest first."""
    stop_words: frozenset[str]
    """Words that any answer may begin with, so that they stand for no outcome."""


@cache
def tables() -> Tables:
    """Return the tables, read once."""
    read = tomllib.loads((files(__package__) / "words.toml").read_text(encoding="utf-8"))
    return Tables(
        roles={role: frozenset(names.split()) for role, names in read["roles"].items()},
        names={
            language: {role: tuple(Names(*one) for one in sets) for role, sets in by_role.items()}
            for language, by_role in read["names"].items()
        },
        aliases={alias: label for label, aliases in read["aliases"].items() for alias in aliases},
        families={language: tuple(tuple(one["sets"]) for one in some) for language, some in read["families"].items()},
        unanswerable={language: tuple(words) for language, words in read["unanswerable"].items()},
        stop_words=frozenset(word for words in read["stop_words"].values() for word in words.split()),
    )
