"""Read files of rows, format by format.

SQuAD's format is that of Rajpurkar et al. 2018, "Know What You Don't Know".
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from cribsheet.dataset.jsonl import json_objects
from cribsheet.errors import DataError
from cribsheet.outcomes import UNANSWERABLE, is_unanswerable_json

GROUP = "group"
"""The optional column that names what rows share, so that a split keeps them together."""

MAX_CELL = 16 * 1024 * 1024
"""Characters of the longest CSV cell that is read; a longer one is most likely an unclosed quote."""


class RawRow(NamedTuple):
    """A row before it is typed."""

    where: str
    values: dict[str, object]
    is_table: bool = False
    """Whether columns that the task does not need are normal, as they are in a CSV."""


def _read_jsonl(text: str, path: str) -> Iterator[RawRow]:
    return (RawRow(where, values) for where, values in json_objects(text, path))


def _read_csv(text: str, path: str) -> Iterator[RawRow]:
    # The limit is the process's, so it is only ever raised.
    csv.field_size_limit(max(MAX_CELL, csv.field_size_limit()))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begin = 1  # the line where a row begins, which a quote left open may lie far behind
    try:
        header = [name.strip() for name in next(reader)]
        begin = reader.line_num + 1
        for cells in reader:
            where = f"{path}, line {begin}"
            if len(cells) not in (0, len(header)):
                raise DataError(
                    f"{where}: {len(cells)} cells where the header has {len(header)}. "
                    "Put quotes around a cell that holds a comma or a line break."
                )
            if cells:
                yield RawRow(where, dict(zip(header, map(_cell, cells), strict=True)), is_table=True)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path}, line {begin}: not CSV: {error}. Close each quote, and double one inside a quoted cell."
        ) from None


def _cell(text: str) -> object:
    """Return the cell's text, or the object where it holds `{"unanswerable": "why"}`."""
    if not text.startswith("{"):
        return text
    with suppress(ValueError, RecursionError):
        value = json.loads(text)
        return value if is_unanswerable_json(value) else text
    return text


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


def _read_squad(text: str, path: str) -> Iterator[RawRow]:
    try:
        squad = _Squad.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{path}: not SQuAD JSON: {place}: {first['msg']}. A file of one object a line is named *.jsonl."
        ) from None
    for paragraph in (paragraph for article in squad.data for paragraph in article.paragraphs):
        for item in paragraph.qas:
            answers = [answer.text for answer in item.answers]
            yield RawRow(
                f"{path}, question {item.id}",
                {
                    "question": item.question,
                    "context": paragraph.context,
                    "answer": {UNANSWERABLE: None} if item.is_impossible else answers,
                    GROUP: content_hash(paragraph.context),
                },
            )


READERS: dict[str, Callable[[str, str], Iterator[RawRow]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".json": _read_squad,
}
"""By the file's ending, what reads its text."""


def content_hash(text: str) -> str:
    """Return a short hash that names a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
