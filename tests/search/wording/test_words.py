"""Words that a prompt may use instead of its own."""

import math
from itertools import permutations

import pytest

from cribsheet.layout.catalogue import LAYOUTS
from cribsheet.outcomes import UNANSWERABLE
from cribsheet.search.wording.words import MOST_SETS, are_apart, field_words, verbalizers
from cribsheet.signature import Field, Signature
from export_cases import MIXED
from toys import QA, SENTIMENT

TOPIC = Signature(
    name="Topic",
    instructions="Say whether the text is about world, sports, business or technology news.",
    inputs=(Field(name="text", description="a headline, or a headline and what follows"),),
    outputs=(Field(name="topic", kind="label", labels=("world", "sports", "business", "technology")),),
)
CHINESE = Signature(
    name="Reviews",
    instructions="判断评论是消极还是积极。",
    inputs=(Field(name="text"),),
    outputs=(Field(name="sentiment", kind="label", labels=("消极", "积极")),),
)
TICKETS = Signature(
    name="Tickets",
    instructions="Route it.",
    inputs=(Field(name="ticket", description="what a customer wrote"),),
    outputs=(
        Field(
            name="queue",
            kind="label",
            labels=("refund request", "refund status", "something_else"),
            abstains=True,
        ),
    ),
)
SPAM = Signature(
    name="Spam",
    instructions="Is it spam?",
    inputs=(Field(name="email_body"), Field(name="sender_name")),
    outputs=(Field(name="is_spam", kind="boolean"),),
)
ALL = (SENTIMENT, QA, TOPIC, CHINESE, TICKETS, SPAM, MIXED)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("signature", ALL, ids=lambda signature: signature.name)
def test_sets_are_few_distinct_and_of_use_in_every_layout(signature: Signature, language: str) -> None:
    names = field_words(signature, language=language)
    labels = verbalizers(signature.outputs[0], language=language)
    assert names[0] == labels[0] == {}
    for sets in (names, labels):
        assert len(sets) <= MOST_SETS
        assert all(one != other for one, other in permutations(sets, 2))
    for layout in LAYOUTS:
        if layout.language == language:
            for words in names:
                written = [layout.model_copy(update={"words": words}).word(name) for name in _names(signature)]
                assert len(set(written)) == len(written)
            for words in labels:
                layout.model_copy(update={"verbalizers": words}).check(signature)


def _names(signature: Signature) -> list[str]:
    return [field.name for field in (*signature.inputs, *signature.outputs)]


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (SENTIMENT, {"text": "Review"}),
        (SENTIMENT, {"text": "Review", "sentiment": "It was"}),
        (TOPIC, {"topic": "Category"}),
        (TOPIC, {"text": "News"}),
        (TOPIC, {"text": "Headline", "topic": "Section"}),
        (QA, {"question": "Q", "answer": "A"}),
        (QA, {"context": "Passage", "answer": "Short answer"}),
        (CHINESE, {"text": "评论", "sentiment": "情感"}),
        (SPAM, {"email_body": "Text", "is_spam": "Label"}),
    ],
)
def test_pairs_that_are_common_in_text_are_among_the_sets(signature: Signature, words: dict[str, str]) -> None:
    assert words in field_words(signature, language="en")


def test_words_that_the_signature_mentions_come_earlier() -> None:
    silent = TOPIC.model_copy(update={"instructions": "Sort.", "inputs": (Field(name="text"),)})
    told, untold = field_words(TOPIC, language="en"), field_words(silent, language="en")
    assert told.index({"text": "News"}) < untold.index({"text": "News"})
    assert {"text": "Headline"} in told[:5]
    assert {"text": "Headline"} not in untold


def test_a_description_names_its_field() -> None:
    told = Field(name="text", description="a tweet in English")
    assert {"text": "Tweet"} in field_words(SENTIMENT.model_copy(update={"inputs": (told,)}), language="en")


def test_what_is_asked_for_is_known_by_its_labels_too() -> None:
    output = Field(name="verdict", kind="label", labels=("neg", "pos"))
    signature = SENTIMENT.model_copy(update={"outputs": (output,)})
    assert {"text": "Review", "verdict": "Sentiment"} in field_words(signature, language="en")
    assert {"neg": "bad", "pos": "good"} in verbalizers(output, language="en")


def test_fields_that_are_known_by_nothing_keep_their_names() -> None:
    inputs = (Field(name="width", kind="number"), Field(name="height", kind="number"))
    signature = Signature(name="Area", instructions="", inputs=inputs, outputs=(Field(name="area", kind="number"),))
    assert field_words(signature, language="en") == [{}, {"area": "Output"}, {"area": "Answer"}]


def test_chinese_labels_get_chinese_words_whatever_the_layout() -> None:
    sets = verbalizers(CHINESE.outputs[0], language="en")
    assert {"消极": "差", "积极": "好"} in sets
    assert {"消极": "不满", "积极": "满意"} in sets


@pytest.mark.parametrize("signature", ALL, ids=lambda signature: signature.name)
def test_no_word_of_a_set_is_the_beginning_of_another(signature: Signature) -> None:
    field = signature.outputs[0]
    layout = LAYOUTS[0]
    for words in verbalizers(field, language="en")[1:]:
        chosen = layout.model_copy(update={"verbalizers": words})
        assert are_apart(chosen.verbalizer(outcome) for outcome in field.outcomes)


def test_labels_of_several_words_get_one_short_word_each() -> None:
    sets = verbalizers(TICKETS.outputs[0], language="en")
    assert {"refund request": "request", "refund status": "status", "something_else": "something"} in sets


def test_words_that_begin_another_one_are_not_tried() -> None:
    field = Field(name="size", kind="label", labels=("big", "bigger", "biggest"))
    assert verbalizers(field, language="en") == [{}]


def test_an_answer_in_words_varies_the_word_for_unanswerable_alone() -> None:
    sets = verbalizers(QA.outputs[0], language="en")
    assert {UNANSWERABLE: "not stated"} in sets
    assert all(set(words) <= {UNANSWERABLE} for words in sets)
    assert verbalizers(Field(name="summary"), language="en") == [{}]


def row(outcome: str, **tokens: float) -> tuple[str, dict[str, float]]:
    return outcome, {" " + token: math.log(share) for token, share in {**tokens, "zzz": 0.001}.items()}
