"""What a teacher proposes is used where it can be, and never trusted."""

import pytest

from cribsheet.dataset.examples import Demo
from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt
from cribsheet.search.wording.proposals import (
    LONGEST_INSTRUCTIONS,
    clean_instructions,
    instructions_from,
    proposed,
)
from toys import QA, SENTIMENT

LABELS = SENTIMENT.outputs[0]
DEMOS = (Demo(inputs={"text": "A dull film."}, outputs={"sentiment": "negative"}),)


def saying(reply: str) -> ScriptedModel:
    return ScriptedModel(lambda prompt, sampling: Completion(text=reply))


@pytest.mark.parametrize(
    "reply",
    [
        "text = review; sentiment = opinion\ntext = Comment; sentiment = Feeling",
        "Sure! Here are some:\n1. text: Review, sentiment: Opinion\n2. text: Comment, sentiment: Feeling\n",
        '[{"text": "Review", "sentiment": "Opinion"}, {"text": "Comment", "sentiment": "Feeling"}]',
        "- **text** = Review\n- **sentiment** = Opinion\n\n- **text** = Comment\n- **sentiment** = Feeling",
        "text → Review | sentiment → Opinion\ntext → Comment | sentiment → Feeling",
    ],
)
def test_names_are_read_in_whatever_form_the_teacher_gives_them(reply: str) -> None:
    assert proposed(SENTIMENT, saying(reply)) == [
        {"text": "Review", "sentiment": "Opinion"},
        {"text": "Comment", "sentiment": "Feeling"},
    ]


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I cannot help with that.",
        "text = text; sentiment = Sentiment",
        "text = Sentiment",
        "text = <b>; sentiment = {word}",
        "text = a name that is far too long to name a field of a prompt with",
        "context = Passage",
    ],
)
def test_names_that_cannot_be_used_are_dropped(reply: str) -> None:
    assert proposed(SENTIMENT, saying(reply)) == []


def test_a_part_of_the_names_is_enough() -> None:
    assert proposed(QA, saying("question = Query; context = Source text; answer = answer")) == [
        {"question": "Query", "context": "Source text"}
    ]


def test_labels_are_taken_only_as_whole_sets_of_words_that_are_apart() -> None:
    reply = (
        "negative = bad; positive = good\nnegative = poor\nnegative = un; positive = unlike\n"
        "negative = bad; positive = good\nnegative = negative; positive = great"
    )
    assert proposed(SENTIMENT, saying(reply), field=LABELS) == [
        {"negative": "bad", "positive": "good"},
        {"positive": "great"},
    ]


def test_text_has_no_labels_to_ask_for() -> None:
    teacher = saying("answer = A")
    assert proposed(QA, teacher, field=QA.outputs[0]) == []
    assert not teacher.calls


def test_the_teacher_is_told_the_task_and_the_form() -> None:
    teacher = saying("")
    proposed(SENTIMENT, teacher, field=LABELS)
    asked = teacher.calls[0].prompt.messages[0].content
    assert SENTIMENT.instructions in asked
    assert "negative = ...; positive = ..." in asked


def test_instructions_are_greedy_once_then_sampled_until_there_are_enough() -> None:
    def reply(prompt: Prompt, sampling: Sampling) -> str:
        return f"Tell whether opinion number {sampling.seed // 2} is negative."

    teacher = ScriptedModel(reply)
    assert instructions_from(SENTIMENT, DEMOS, teacher, n=2) == [
        "Tell whether opinion number 0 is negative.",
        "Tell whether opinion number 1 is negative.",
    ]
    assert [call.sampling.temperature > 0 for call in teacher.calls] == [False, True, True]
    first, second = (call.prompt.messages[0].content for call in teacher.calls[:2])
    assert SENTIMENT.instructions in first
    assert SENTIMENT.instructions not in second
    assert "Text: A dull film.\nSentiment: negative" in second


def test_instructions_that_say_nothing_new_are_left_out() -> None:
    teacher = saying(SENTIMENT.instructions.upper())
    assert instructions_from(SENTIMENT, DEMOS, teacher, n=3) == []
    assert len(teacher.calls) == 6


def test_a_teacher_that_goes_on_about_a_demo_gives_no_instructions() -> None:
    assert instructions_from(SENTIMENT, DEMOS, saying("Say: a dull film is what it was."), n=1) == []


@pytest.mark.parametrize(
    ("reply", "cleaned"),
    [
        ("", ""),
        ("OK.", ""),
        ("**Instructions:** Sort the news.", "Sort the news."),
        ("The instruction was to: sort the news.\n\nExample: …", "sort the news."),
        ("判断这条评论是消极还是积极。", "判断这条评论是消极还是积极。"),
        ("Sort the news by topic. " * 30, " ".join(["Sort the news by topic."] * 12)),
        ("sort " * 100, ""),
    ],
)
def test_a_reply_becomes_one_short_paragraph(reply: str, cleaned: str) -> None:
    assert clean_instructions(reply) == cleaned
    assert len(cleaned) <= LONGEST_INSTRUCTIONS
