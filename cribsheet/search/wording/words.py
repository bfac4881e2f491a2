"""Find other words for the fields and the outcomes of a prompt."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from cribsheet.layout import Layout
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.search.wording._tables import Language, tables
from cribsheet.signature import Field, Signature
from cribsheet.text import has_chinese

MOST_SETS = 12
"""The most sets of words of one kind."""

_MENTION = 2
"""The number of places that a set of names moves up for each of its words that the signature mentions."""
_HEAD = re.compile(r"\b(?:an?|the)\s+([a-z]{3,})\b", re.IGNORECASE)


def field_words(signature: Signature, *, language: Language) -> list[Mapping[str, str]]:
    """Return sets of words that name the fields, for `Layout.words`: the signature's own first, then common ones.

    A set has only the words that differ from the layout's default. The words of a set are distinct, and they occur
    together in text, such as Article and Category. Words that the signature mentions come earlier.

    >>> text, topic = Field(name="text", description="a headline"), Field(name="topic", kind="label", labels=("a", "b"))
    >>> task = Signature(name="Topic", instructions="Sort the news.", inputs=(text,), outputs=(topic,))
    >>> field_words(task, language="en")[:4]
    [{}, {'topic': 'Category'}, {'text': 'News'}, {'text': 'Article', 'topic': 'Category'}]
    """
    tongue: Language = "zh" if _is_chinese(signature) else language
    roles = _roles(signature)
    mentioned = _mentioned(signature)
    common = tables().names[tongue][_output_role(signature.outputs[0])]

    def place(number: int) -> int:
        return number - _MENTION * sum(word.casefold() in mentioned for word in common[number] if word)

    ordered = [common[number] for number in sorted(range(len(common)), key=place)]
    sets = [{roles[role]: word for role, word in one._asdict().items() if word and role in roles} for one in ordered]
    if tongue == "en":
        sets[3:3] = list(_head_nouns(signature, roles))
    return distinct(_changes(signature, words, language) for words in ({}, *sets))[:MOST_SETS]


def verbalizers(field: Field, *, language: Language) -> list[Mapping[str, str]]:
    """Return sets of words that stand for a field's outcomes, for `Layout.verbalizers`: its own first.

    Then follow the same words in another case, synonyms, and the first words of long labels. In all sets but
    the first, no word is the beginning of another one, in any case. A field without finite outcomes has the first set
    alone, unless it may abstain.

    >>> verbalizers(Field(name="good", kind="boolean"), language="en")[1:4]
    [{'false': 'No', 'true': 'Yes'}, {'false': 'false', 'true': 'true'}, {'false': 'wrong', 'true': 'right'}]
    """
    layout = Layout(name="own", style="raw", language=language)
    closed = {outcome: layout.verbalizer(outcome) for outcome in field.closed_outcomes}
    tongue: Language = "zh" if has_chinese("".join(closed)) else language
    sets = [*_recased(closed), *_synonyms(closed, tongue), *_shortened(closed)]
    if field.abstains:
        own = layout.verbalizer(UNANSWERABLE)
        sets = [
            *({**closed, UNANSWERABLE: word} for word in tables().unanswerable[tongue]),
            *({**words, UNANSWERABLE: own} for words in sets),
        ]
    usable = (words for words in sets[: MOST_SETS - 1] if are_apart(words.values()))
    changed = [{key: word for key, word in words.items() if word != layout.verbalizer(key)} for words in usable]
    return distinct([{}, *changed])


def are_apart(words: Iterable[str]) -> bool:
    """Tell whether no word is empty, and none is equal to or the beginning of another one, in any case.

    >>> are_apart(["no", "yes"]), are_apart(["no", "Not stated"])
    (True, False)
    """
    folded = sorted(word.casefold() for word in words)
    return all(folded) and not any(second.startswith(first) for first, second in pairwise(folded))


def _is_chinese(signature: Signature) -> bool:
    named = "".join(field.name for field in (*signature.inputs, *signature.outputs))
    labels = "".join(str(label) for field in signature.outputs for label in field.closed_outcomes)
    return has_chinese(named + labels)


def _roles(signature: Signature) -> dict[str, str]:
    """Return the name of a field for each role: the first output, the first question, the first text."""
    roles = {"output": signature.outputs[0].name}
    for field in signature.inputs:
        role = _role(field.name, ("question", "text"))
        if role:
            roles.setdefault(role, field.name)
    if len(signature.inputs) == 1 and len(roles) == 1:
        roles["text"] = signature.inputs[0].name
    return roles


def _role(name: str, roles: Iterable[str]) -> str | None:
    """Return the role that a field's name suggests. The last word of the name counts first."""
    for piece in reversed(name.casefold().split("_")):
        for role in roles:
            if piece in tables().roles[role]:
                return role
    return None


def _output_role(field: Field) -> str:
    """Return the role of an output, from its labels if they are known, otherwise from its name."""
    labels = {_canonical(label) for label in field.closed_outcomes}
    if {"negative", "positive"} <= labels:
        return "sentiment"
    if {"world", "sports", "business", "politics"} & labels:
        return "topic"
    role = _role(field.name, ("sentiment", "topic", "answer", "label"))
    return role or ("label" if field.is_finite else "other")


def _canonical(label: str) -> str:
    plain = label.casefold().replace("_", " ").replace("-", " ").strip()
    return tables().aliases.get(plain, plain)


def _mentioned(signature: Signature) -> frozenset[str]:
    """Return the words of the instructions and descriptions, without the names of the fields."""
    fields = (*signature.inputs, *signature.outputs)
    said = " ".join([signature.instructions, *(field.description for field in fields)])
    return frozenset(re.findall(r"[a-z]+|[\u3400-\u9fff]{2}", said.casefold())) - {field.name for field in fields}


def _head_nouns(signature: Signature, roles: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the noun after the first article of a text's description as its name: Review for `the review of a film`."""
    for role in ("text", "question"):
        found = _HEAD.search(signature.field(roles[role]).description) if role in roles else None
        if found and found.group(1).casefold() not in tables().stop_words:
            yield {roles[role]: found.group(1).capitalize()}


def _changes(signature: Signature, words: Mapping[str, str], language: Language) -> Mapping[str, str] | None:
    """Return the words that differ from the layout's own; None if two fields would have the same word."""
    layout = Layout(name="own", style="raw", language=language)
    fields = [field.name for field in (*signature.inputs, *signature.outputs)]
    full = {name: words.get(name, layout.word(name)) for name in fields}
    if len({word.casefold() for word in full.values()}) < len(full):
        return None
    return {name: full[name] for name in fields if full[name] != layout.word(name)}


def distinct(sets: Iterable[Mapping[str, str] | None]) -> list[Mapping[str, str]]:
    """Return each set once, without those that are None."""
    kept: list[Mapping[str, str]] = []
    for words in sets:
        if words is not None and words not in kept:
            kept.append(words)
    return kept


def _recased(closed: Mapping[str, str]) -> Iterator[dict[str, str]]:
    spaced = {outcome: word.replace("_", " ") for outcome, word in closed.items()}
    yield {outcome: word[:1].upper() + word[1:] for outcome, word in spaced.items()}
    yield {outcome: word.lower() for outcome, word in spaced.items()}


def _synonyms(closed: Mapping[str, str], language: Language) -> Iterator[dict[str, str]]:
    """Yield the words of each family to which at least half of the labels belong. Other labels keep their word."""
    for family in tables().families[language]:
        for words in family:
            known = {outcome: words[_canonical(outcome)] for outcome in closed if _canonical(outcome) in words}
            if len(known) >= 2 and 2 * len(known) >= len(closed):
                yield {**closed, **known}


def _shortened(closed: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield for labels of several words the first word of each label that no other label has."""
    split = {outcome: re.findall(r"[^\W_]+", word) for outcome, word in closed.items()}
    if all(len(words) < 2 for words in split.values()):
        return
    labels_with = Counter(word for words in split.values() for word in {one.casefold() for one in words})
    short = {}
    for outcome, words in split.items():
        own = [word for word in words if labels_with[word.casefold()] == 1]
        content = [word for word in own if word.casefold() not in tables().stop_words]
        short[outcome] = next(iter(content or own), "")
    yield short
