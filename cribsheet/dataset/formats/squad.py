"""Read SQuAD's format, in the variants of its own files or of the Hugging Face Hub.

Rajpurkar et al. 2018, "Know What You Don't Know: Unanswerable Questions for SQuAD".
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from cribsheet.dataset.formats._base import GROUP, RawRow
from cribsheet.errors import DataError
from cribsheet.outcomes import UNANSWERABLE

_ANSWER, _ANSWERS, _START, _IMPOSSIBLE = "answer", "answers", "answer_start", "is_impossible"


class _Answer(BaseModel):
    text: str


class _Question(BaseModel):
    question: str
    id: str | int = "without an id"
    answers: list[_Answer] = []
    is_impossible: bool = False


class _Paragraph(BaseModel):
    context: str
    qas: list[_Question]


class _Article(BaseModel):
    paragraphs: list[_Paragraph]


class _Squad(BaseModel):
    data: list[_Article]


def is_squad(data: list[Any]) -> bool:
    """Tell whether the list named `data` in a file is a list of SQuAD's articles."""
    return not data or any(isinstance(article, dict) and "paragraphs" in article for article in data)


def read_squad(content: Mapping[str, Any], path: str) -> Iterator[RawRow]:
    """Yield a row for each question of a file, with the columns question, context, answer and group.

    Raises:
        DataError: if the file is not in SQuAD's format.
    """
    try:
        squad = _Squad.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{path}: not SQuAD JSON: {place}: {first['msg']}. Correct it there.") from None
    for paragraph in (paragraph for article in squad.data for paragraph in article.paragraphs):
        for item in paragraph.qas:
            answers = [answer.text for answer in item.answers]
            yield RawRow(
                f"{path}, question {item.id}",
                {
                    "question": item.question,
                    "context": paragraph.context,
                    _ANSWER: {UNANSWERABLE: None} if item.is_impossible else answers,
                    GROUP: content_hash(paragraph.context),
                },
            )


def unpacked(raw: RawRow, columns: Collection[str]) -> RawRow:
    """Convert a row in the Hub's SQuAD format to the column `answer`; return any other row unchanged.

    >>> row = RawRow("line 1", {"question": "Who?", "answers": {"text": ["Ada"], "answer_start": [3]}})
    >>> unpacked(row, {"question", "answer"}).values
    {'question': 'Who?', 'answer': ['Ada']}
    """
    texts = accepted_texts(raw.values.get(_ANSWERS))
    if texts is None or _ANSWER not in columns or _ANSWERS in columns or _ANSWER in raw.values:
        return raw
    values: dict[str, object] = {name: value for name, value in raw.values.items() if name != _ANSWERS}
    is_impossible = _IMPOSSIBLE not in columns and _is_true(values.get(_IMPOSSIBLE))
    values[_ANSWER] = texts if texts and not is_impossible else {UNANSWERABLE: None}
    return raw._replace(values=values, is_table=True)


def accepted_texts(value: object) -> list[object] | None:
    """Return the texts of answers in SQuAD's format (text and start offset); None if the value has another format.

    >>> accepted_texts({"text": ["Ada", "Ada Lovelace"], "answer_start": [3, 3]})
    ['Ada', 'Ada Lovelace']
    >>> accepted_texts([{"text": "Ada", "answer_start": 3}])
    ['Ada']
    """
    if isinstance(value, dict):
        texts = value.get("text")
        return texts if _START in value and isinstance(texts, list) else None
    if isinstance(value, list) and all(isinstance(one, dict) and {"text", _START} <= set(one) for one in value):
        return [one["text"] for one in value]
    return None


def _is_true(value: object) -> bool:
    """Tell whether a flag is set, as JSON, numbers, or the text of a table say so."""
    return str(value).strip().casefold() in ("true", "1", "1.0")


def content_hash(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
