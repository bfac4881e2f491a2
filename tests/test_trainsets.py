"""The trainsets that ship: enough rows, balanced, without copies, with answers that can be found."""

import json
import operator
import re
from collections import Counter
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import pytest

from cribsheet.dataset.rows import load_rows
from cribsheet.dataset.splits import split
from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature

TRAINSETS = Path(__file__).parents[1] / "trainsets"

INTENTS = (
    "account_close account_open account_update card_arrival card_blocked card_lost card_pin card_stolen "
    "delivery_address delivery_damaged delivery_late human_agent invoice_copy invoice_error login_code opening_hours "
    "order_cancel order_change order_status password_reset payment_failed payment_twice refund_request refund_status "
    "subscription_cancel subscription_upgrade"
)


def labelled(name, *labels):
    return Signature(
        name=name.title(),
        instructions="Tell the label.",
        inputs=(Field(name="text"),),
        outputs=(Field(name=name, kind="label", labels=labels),),
    )


def from_context(*outputs):
    return Signature(
        name="FromContext",
        instructions="Answer the question from the context alone.",
        inputs=(Field(name="question"), Field(name="context")),
        outputs=tuple(Field(name=output, abstains=True) for output in outputs),
    )


LABELLED = [
    ("sentiment", labelled("sentiment", "negative", "positive")),
    ("topic", labelled("topic", "world", "sports", "business", "technology")),
    ("stars", labelled("stars", 1, 2, 3, 4, 5)),
    ("sentiment_zh", labelled("sentiment", "negative", "neutral", "positive")),
    ("topic_zh", labelled("topic", "国际", "体育", "财经", "科技")),
    ("intent", labelled("intent", *INTENTS.split())),
]
FROM_CONTEXT = [
    ("grounded_qa", from_context("answer")),
    ("off_topic", from_context("answer")),
    ("counterfactual", from_context("answer")),
    ("evidence_qa", from_context("evidence", "answer")),
]
ALL = LABELLED + FROM_CONTEXT
LEAST = {"stars": 120, "sentiment_zh": 150, "topic_zh": 140, "intent": 200, "counterfactual": 150, "evidence_qa": 100}
LEAST_CONTEXTS = {"grounded_qa": 60, "off_topic": 40, "counterfactual": 60, "evidence_qa": 35}
ANSWERED = {
    "grounded_qa": (0.4, 0.6),
    "off_topic": (0.45, 0.55),
    "counterfactual": (0.75, 0.85),
    "evidence_qa": (0.4, 0.6),
}
"""The least and the greatest share of questions that have an answer."""

NEAR = 0.5
"""Texts that share more than this of their 3-grams (Jaccard) are taken for copies."""


def rows_of(name, signature):
    return load_rows(TRAINSETS / f"{name}.jsonl", signature)


def outcomes_of(rows, signature):
    field = signature.outputs[0]
    return Counter(field.outcome_of(row.outputs[field.name][0]) for row in rows)


def trigrams(text):
    """Return the 3-grams of words, or of characters if they are Chinese."""
    words = re.findall(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+", text.lower())
    return {tuple(words[start : start + 3]) for start in range(max(1, len(words) - 2))}


def near_copies(texts):
    grams = [(text, trigrams(text)) for text in sorted(texts)]
    return [
        (one, other)
        for (one, left), (other, right) in combinations(grams, 2)
        if len(left & right) > NEAR * len(left | right)
    ]


def spaced(text):
    return " ".join(str(text).lower().split())


@pytest.mark.parametrize(("name", "signature"), ALL)
def test_there_are_enough_rows_and_none_is_there_twice(name, signature):
    rows = rows_of(name, signature)
    assert len(rows) >= LEAST.get(name, 160)
    inputs = Counter(tuple(spaced(value) for value in row.inputs.values()) for row in rows)
    assert [key for key, count in inputs.items() if count > 1] == []


@pytest.mark.parametrize(("name", "signature"), ALL)
def test_every_outcome_is_in_every_part_of_a_split(name, signature):
    splits = split(rows_of(name, signature), signature, seed=0)
    for part in (splits.train, splits.val, splits.test):
        assert set(outcomes_of(part, signature)) == set(signature.outputs[0].outcomes)


@pytest.mark.parametrize(("name", "signature"), LABELLED)
def test_labels_are_balanced_within_a_tenth(name, signature):
    counts = outcomes_of(rows_of(name, signature), signature)
    assert max(counts.values()) <= 1.1 * min(counts.values())


@pytest.mark.parametrize(("name", "signature"), LABELLED)
def test_no_text_is_nearly_a_copy_of_another(name, signature):
    assert near_copies(row.values["text"] for row in rows_of(name, signature)) == []


@pytest.mark.parametrize(("name", "signature"), FROM_CONTEXT)
def test_there_are_enough_contexts_and_none_is_nearly_a_copy(name, signature):
    contexts = {row.values["context"] for row in rows_of(name, signature)}
    assert len(contexts) >= LEAST_CONTEXTS[name]
    assert near_copies(contexts) == []


def test_no_context_is_nearly_a_copy_of_one_in_another_trainset():
    contexts = {(row.values["context"], name) for name, signature in FROM_CONTEXT for row in rows_of(name, signature)}
    assert len({context for context, _ in contexts}) == len(contexts)
    assert near_copies(context for context, _ in contexts) == []


@pytest.mark.parametrize(("name", "signature"), FROM_CONTEXT)
def test_a_context_has_1_to_8_sentences(name, signature):
    contexts = {row.values["context"] for row in rows_of(name, signature)}
    counts = {context: len(re.findall(r"[.!?]['\"”)]*(?:\s|$)", context)) for context in contexts}
    assert {context: count for context, count in counts.items() if not 1 <= count <= 8} == {}


@pytest.mark.parametrize(("name", "signature"), FROM_CONTEXT)
def test_no_context_is_asked_nearly_the_same_question_twice(name, signature):
    asked = {}
    for row in rows_of(name, signature):
        asked.setdefault(row.values["context"], []).append(row.values["question"])
    assert [pair for questions in asked.values() for pair in near_copies(questions)] == []


@pytest.mark.parametrize(("name", "signature"), FROM_CONTEXT)
def test_the_share_of_answered_questions_is_as_intended(name, signature):
    counts = outcomes_of(rows_of(name, signature), signature)
    least, greatest = ANSWERED[name]
    assert least <= counts["answered"] / counts.total() <= greatest


@pytest.mark.parametrize(("name", "signature"), FROM_CONTEXT)
def test_every_answer_that_a_demo_shows_stands_in_its_context(name, signature):
    rows = [row for row in rows_of(name, signature) if row.values["answer"]]
    assert [
        (row.values["answer"], row.values["context"])
        for row in rows
        if row.values["answer"] not in row.values["context"]
    ] == []


@pytest.mark.parametrize(("name", "signature"), FROM_CONTEXT)
def test_every_unanswerable_row_says_why(name, signature):
    rows = [row for row in rows_of(name, signature) if isinstance(row.values["answer"], Unanswerable)]
    assert [row.values["question"] for row in rows if not row.values["answer"].reason] == []


@pytest.mark.parametrize(("name", "signature"), FROM_CONTEXT)
def test_the_groups_are_the_contexts(name, signature):
    rows = rows_of(name, signature)
    assert len({row.group for row in rows}) == len({row.values["context"] for row in rows})
    assert len({(row.group, row.values["context"]) for row in rows}) == len({row.values["context"] for row in rows})


@pytest.mark.parametrize(("name", "signature"), FROM_CONTEXT[1:])
def test_no_answer_only_repeats_words_of_its_question(name, signature):
    rows = [row for row in rows_of(name, signature) if row.values["answer"]]
    assert [
        row.values["question"] for row in rows if spaced(row.values["answer"]) in spaced(row.values["question"])
    ] == []


@pytest.mark.parametrize("start", ["Who is", "What is"])
def test_off_topic_has_both_outcomes_for_questions_of_one_kind(start):
    rows = rows_of("off_topic", from_context("answer"))
    answered = Counter(bool(row.values["answer"]) for row in rows if row.values["question"].startswith(start))
    assert min(answered[True], answered[False]) >= 5


def test_evidence_is_a_sentence_of_the_context_that_has_the_answer():
    for row in rows_of("evidence_qa", from_context("evidence", "answer")):
        context, evidence, answer = (row.values[name] for name in ("context", "evidence", "answer"))
        assert isinstance(evidence, Unanswerable) == isinstance(answer, Unanswerable)
        if answer:
            assert evidence in re.split(r"(?<=[.!?]) ", context)
            assert answer in evidence


# The rows of the other trainsets have lists and records, so they are read as plain JSON.

FREE = {
    "entities": "text",
    "entities_zh": "text",
    "records": "text",
    "records_zh": "text",
    "translate_zh_en": "chinese",
    "translate_en_zh": "english",
    "summarize": "text",
    "summarize_zh": "text",
    "arithmetic": "question",
}
"""The input of each of these trainsets."""
LEAST_FREE = {"summarize": 90, "summarize_zh": 90, "arithmetic": 120}
COLUMNS = {
    "entities": {"people", "organisations", "places"},
    "records": {"person"},
    "translate_zh_en": {"english"},
    "translate_en_zh": {"chinese"},
    "summarize": {"summary"},
    "arithmetic": {"reasoning", "answer"},
}
ENTITIES = ["entities", "entities_zh"]
RECORDS = ["records", "records_zh"]
AGES_IN_WORDS = {17: "Seventeen", 32: "thirty-two", 80: "eighty", 88: "eighty-eight"}
DIGITS_ZH = "零一二三四五六七八九"
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def plain_rows_of(name):
    lines = (TRAINSETS / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def accepted(value):
    return value if isinstance(value, list) else [value]


def age_in_chinese(age):
    tens, ones = divmod(age, 10)
    if age == 100:
        return "百"
    return (DIGITS_ZH[tens] if tens > 1 else "") + ("十" if tens else "") + (DIGITS_ZH[ones] if ones else "")


def last_number(text):
    return Fraction(re.findall(r"\d+(?:\.\d+)?", text)[-1])


def value_of(sum_):
    first, *rest = sum_.split()
    value = Fraction(first)
    for sign, number in zip(rest[::2], rest[1::2], strict=True):
        value = OPERATORS[sign](value, Fraction(number))
    return value


@pytest.mark.parametrize(("name", "column"), FREE.items())
def test_a_plain_trainset_has_enough_rows_with_the_same_columns(name, column):
    rows = plain_rows_of(name)
    assert len(rows) >= LEAST_FREE.get(name, 100)
    columns = COLUMNS.get(name) or COLUMNS[name.removesuffix("_zh")]
    assert {frozenset(row) for row in rows} == {frozenset(columns | {column})}


@pytest.mark.parametrize(("name", "column"), FREE.items())
def test_no_input_of_a_plain_trainset_is_nearly_a_copy_of_another(name, column):
    texts = [row[column] for row in plain_rows_of(name)]
    assert [text for text, count in Counter(map(spaced, texts)).items() if count > 1] == []
    assert near_copies(texts) == []


@pytest.mark.parametrize("name", ENTITIES)
@pytest.mark.parametrize("kind", ["people", "organisations", "places"])
def test_entities_stand_in_the_text_in_the_order_of_the_list(name, kind):
    for row in plain_rows_of(name):
        places = [row["text"].find(entity) for entity in row[kind]]
        assert -1 not in places
        assert places == sorted(places)
        assert len(set(row[kind])) == len(row[kind])


@pytest.mark.parametrize("name", ENTITIES)
def test_no_entity_is_of_two_kinds(name):
    for row in plain_rows_of(name):
        entities = row["people"] + row["organisations"] + row["places"]
        assert len(set(entities)) == len(entities)


@pytest.mark.parametrize("name", ENTITIES)
@pytest.mark.parametrize("kind", ["people", "organisations", "places"])
def test_a_fair_share_of_the_lists_of_entities_is_empty(name, kind):
    rows = plain_rows_of(name)
    assert 0.4 <= sum(not row[kind] for row in rows) / len(rows) <= 0.6


@pytest.mark.parametrize("name", RECORDS)
def test_the_values_of_a_record_stand_in_the_text(name):
    for row in plain_rows_of(name):
        person = row["person"]
        assert list(person) == ["name", "age", "city", "occupation"]
        assert person["name"]
        for value in (person["name"], person["city"], person["occupation"]):
            assert value is None or value in row["text"]


@pytest.mark.parametrize("name", RECORDS)
def test_the_age_of_a_record_stands_in_the_text_as_a_number_or_in_words(name):
    for row in plain_rows_of(name):
        age = row["person"]["age"]
        if age is not None:
            written = {str(age), AGES_IN_WORDS.get(age, str(age)), age_in_chinese(age)}
            assert any(form in row["text"] for form in written), row["text"]


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("field", ["age", "city", "occupation"])
def test_a_fair_share_of_the_values_of_a_record_is_null(name, field):
    rows = plain_rows_of(name)
    assert 0.4 <= sum(row["person"][field] is None for row in rows) / len(rows) <= 0.6


@pytest.mark.parametrize(("name", "output"), [("translate_zh_en", "english"), ("translate_en_zh", "chinese")])
def test_a_sentence_has_1_to_3_different_translations(name, output):
    for row in plain_rows_of(name):
        translations = accepted(row[output])
        assert 1 <= len(set(translations)) == len(translations) <= 3


@pytest.mark.parametrize("column", ["chinese", "english"])
def test_no_sentence_is_translated_in_both_directions(column):
    texts = [accepted(row[column])[0] for name in ("translate_zh_en", "translate_en_zh") for row in plain_rows_of(name)]
    assert near_copies(texts) == []


@pytest.mark.parametrize(
    ("name", "length", "least", "most", "longest"),
    [("summarize", lambda text: len(text.split()), 60, 150, 25), ("summarize_zh", len, 80, 200, 40)],
)
def test_a_summary_is_one_short_sentence_of_its_own(name, length, least, most, longest):
    for row in plain_rows_of(name):
        text, summary = row["text"], row["summary"]
        assert least <= length(text) <= most
        assert length(summary) <= longest
        assert len(re.findall(r"[.!?](?= |$)|[\u3002\uff01\uff1f]", summary)) == 1
        assert summary not in text


def test_every_step_of_a_sum_is_right():
    for row in plain_rows_of("arithmetic"):
        steps = re.findall(r"(\d[\d.]*(?: [-+*/] [\d.]+)+) = (\d+(?:\.\d+)?)", row["reasoning"])
        assert len(steps) == row["reasoning"].count("=")
        assert [step for step, result in steps if value_of(step) != Fraction(result)] == []


def test_the_reasoning_of_a_sum_ends_with_its_answer():
    for row in plain_rows_of("arithmetic"):
        assert last_number(row["reasoning"]) == Fraction(str(row["answer"]))
