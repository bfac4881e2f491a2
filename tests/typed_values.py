"""Kinds of value made of others, each with a strategy for its values, for the tests that round-trip them."""

from typing import Any

from hypothesis import strategies as st

from cribsheet.outcomes import Value
from cribsheet.signature.types import (
    Boolean,
    Date,
    DateTime,
    Decimal,
    Integer,
    Label,
    List,
    MappingType,
    Member,
    Number,
    Optional,
    Record,
    Text,
    Tuple,
    Union,
    ValueType,
)

AWKWARD = (
    *("Anna", "none", "None.", "无", "null", "unanswerable", "yes", "3", "", " lead", "Ünï 好", "two\nlines"),
    *("a, b", "a;b", "，", "、", "- x", "1. a", "x: y", "# h", "[x]", "{y}", '"q"', '"', "'", "\\", "```"),
    *("</answer>", "Text: next", "<|im_end|>"),
)
"""Texts that look like a notation's own marks."""

texts = st.sampled_from(AWKWARD) | st.text(max_size=12)
optional_texts = st.none() | texts
days = st.dates().map(lambda day: day.isoformat())

PERSON = Record(
    title="Person",
    members=(
        Member(name="name", type=Text()),
        Member(name="age", type=Optional(item=Integer())),
        Member(name="city_of_birth", type=Optional(item=Text()), description="where she was born"),
        Member(name="is_member", type=Boolean(), required=False, default=True),
    ),
)
people: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": texts, "age": st.none() | st.integers(), "city_of_birth": optional_texts, "is_member": st.booleans()}
)
SPARSE = Record(members=(Member(name="note", type=Text(), required=False, may_be_missing=True),))
sparse = st.just({}) | st.fixed_dictionaries({"note": texts})
TAGS = List(item=Label(labels=("a b", "c, d", "none", 3)), unique=True)
tags = st.lists(st.sampled_from(TAGS.item.labels), unique=True).map(TAGS.coerce)  # type: ignore[attr-defined]
STORY = Record(
    members=(
        Member(name="title", type=Text()),
        Member(name="people", type=List(item=PERSON)),
        Member(name="tags", type=TAGS),
        Member(name="at", type=Date()),
        Member(name="notes", type=MappingType(item=Text())),
    )
)
stories = st.fixed_dictionaries(
    {
        "title": texts,
        "people": st.lists(people, max_size=2),
        "tags": tags,
        "at": days,
        "notes": st.dictionaries(texts, texts, max_size=2),
    }
)


def _listed(item: ValueType, values: st.SearchStrategy[Any]) -> tuple[ValueType, st.SearchStrategy[Any]]:
    return List(item=item), st.lists(values, max_size=3)


decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)

STRUCTURED: dict[str, tuple[ValueType, st.SearchStrategy[Value]]] = {
    "texts": _listed(Text(), texts),
    "numbers": _listed(Number(), st.floats(allow_nan=False, allow_infinity=False)),
    "optional texts": _listed(Optional(item=Text()), optional_texts),
    "lists of lists": _listed(List(item=Text()), st.lists(texts, max_size=2)),
    "mixed": _listed(Union(options=(Integer(), Date(), Text())), st.integers() | days | texts),
    "labels": (TAGS, tags),
    "person": (PERSON, people),
    "people": _listed(PERSON, people),
    "story": (STORY, stories),
    "people or text": (Union(options=(List(item=PERSON), Text())), st.lists(people, max_size=2) | texts),
    "person or people": (Union(options=(PERSON, List(item=PERSON))), people | st.lists(people, max_size=2)),
    "records without members": _listed(SPARSE, sparse),
    "records in a record": (
        Record(members=(Member(name="one", type=SPARSE), Member(name="all", type=List(item=SPARSE)))),
        st.fixed_dictionaries({"one": sparse, "all": st.lists(sparse, max_size=2)}),
    ),
    "mapping": (MappingType(item=Integer()), st.dictionaries(texts, st.integers(), max_size=3)),
    "people by name": (MappingType(item=PERSON), st.dictionaries(texts, people, max_size=2)),
    "pair": (Tuple(items=(Text(), Integer())), st.tuples(texts, st.integers()).map(list)),
    "deep tuple": (Tuple(items=(PERSON, List(item=Text()))), st.tuples(people, st.lists(texts, max_size=2)).map(list)),
}
"""A kind and a strategy for its values, for each name."""

SIMPLE: dict[str, tuple[ValueType, st.SearchStrategy[Value]]] = {
    "date": (Date(), days),
    "datetime": (DateTime(), st.datetimes().map(lambda at: at.isoformat())),
    "decimal": (Decimal(), decimals.map(lambda number: format(number, "f"))),
    "union": (Union(options=(Integer(), Date(), Text())), st.integers() | days | texts),
}
"""Likewise for the kinds that are written in one way alone."""
