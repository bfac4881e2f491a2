"""Make unanswerable rows by pairing questions with texts from other articles."""

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]

MAX_CONTEXT = 600
"""The most characters of a paragraph, by default; longer ones are left out."""


class Paragraph(NamedTuple):
    """A text with the questions that it answers."""

    article: str
    context: str
    questions: tuple[tuple[str, tuple[str, ...]], ...]
    """Pairs of a question and its accepted answers."""


def read_paragraphs(path: Path, *, most: int = MAX_CONTEXT) -> list[Paragraph]:
    """Return the paragraphs of a SQuAD file that have fewer than `most` characters, with their answerable questions."""
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [
        Paragraph(article["title"], one["context"], _answerable(one["qas"]))
        for article in articles
        for one in article["paragraphs"]
        if len(one["context"]) < most
    ]


def off_topic(paragraphs: Sequence[Paragraph], *, seed: int) -> tuple[list[Row], list[Row]]:
    """Return answerable rows, and as many rows that pair the same questions with a paragraph of another article.

    Rows that share a paragraph share a group. Both lists come in a seeded random order.
    """
    rng = random.Random(seed)
    answerable, unanswerable = [], []
    for paragraph in paragraphs:
        others = [other.context for other in paragraphs if other.article != paragraph.article]
        for question, answers in paragraph.questions:
            answerable.append(_row(question, paragraph.context, list(answers)))
            unanswerable.append(_row(question, rng.choice(others), {"unanswerable": None}))
    rng.shuffle(answerable)
    rng.shuffle(unanswerable)
    return answerable, unanswerable


def half_and_half(answerable: Sequence[Row], unanswerable: Sequence[Row], *, limit: int, seed: int) -> list[Row]:
    """Return at most `limit` shuffled rows, as many answerable as unanswerable ones."""
    half = min(limit // 2, len(answerable), len(unanswerable))
    rows = [*answerable[:half], *unanswerable[:half]]
    random.Random(seed).shuffle(rows)
    return rows


def _answerable(questions: Sequence[dict[str, Any]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (one["question"], tuple(dict.fromkeys(answer["text"] for answer in one["answers"])))
        for one in questions
        if not one.get("is_impossible") and one["question"].strip()  # one question of CMRC 2018 is empty
    )


def _row(question: str, context: str, answer: object) -> Row:
    group = hashlib.sha256(context.encode()).hexdigest()[:16]
    return {"question": question, "context": context, "answer": answer, "group": group}
