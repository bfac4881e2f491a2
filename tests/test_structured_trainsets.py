"""The trainsets of lists and records: enough rows, without copies, with values that stand in their texts."""

import pytest

from cribsheet.compiler.bridge import DspyProgram, as_module
from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import split
from cribsheet.workspace import builtin
from test_trainsets import near_copies, spaced

TASKS = ("entities", "entities_zh", "records", "records_zh")
tasks = pytest.mark.parametrize("name", TASKS)


def rows_of(name):
    _, task = builtin().task(name)
    signature = DspyProgram(as_module(task.program)).signature
    return load_rows(builtin().trainset(task.trainset), signature), signature


@tasks
def test_there_are_enough_rows_without_copies_for_three_parts(name):
    rows, signature = rows_of(name)
    texts = [row.values["text"] for row in rows]
    assert len(rows) >= 100
    assert len({spaced(text) for text in texts}) == len(texts)
    assert near_copies(texts) == []
    splits = split(rows, signature, seed=0)
    assert min(map(len, (splits.train, splits.val, splits.test))) >= 30


@pytest.mark.parametrize("name", ["entities", "entities_zh"])
def test_every_entity_stands_in_its_text_and_some_texts_have_none(name):
    rows, signature = rows_of(name)
    kinds = [field.name for field in signature.outputs]
    for kind in kinds:
        assert [
            (one, row.values["text"]) for row in rows for one in row.values[kind] if one not in row.values["text"]
        ] == []
        assert sum(bool(row.values[kind]) for row in rows) >= 25
    assert 5 <= sum(not any(row.values[kind] for kind in kinds) for row in rows) <= len(rows) / 2


@pytest.mark.parametrize("name", ["records", "records_zh"])
def test_every_text_of_a_record_stands_in_its_text_and_each_field_is_missing_somewhere(name):
    rows, _ = rows_of(name)
    people = [(row.values["person"], row.values["text"]) for row in rows]
    strange = [
        (person[key], text)
        for person, text in people
        for key in ("name", "city", "occupation")
        if person[key] and person[key].casefold() not in text.casefold()
    ]
    assert strange == []
    for key in ("age", "city", "occupation"):
        missing = sum(person[key] is None for person, _ in people)
        assert 10 <= missing <= len(people) - 30
