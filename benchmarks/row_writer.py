"""Generate realistic files of rows, one for each seed, some of which cannot be read."""

import csv
import io
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

import dspy
import numpy as np

from cribsheet.outcomes import Unanswerable
from cribsheet.signature import Field, Signature


def _signature(name: str, inputs: Sequence[Field], outputs: Sequence[Field]) -> Signature:
    return Signature(name=name, instructions="Do it.", inputs=tuple(inputs), outputs=tuple(outputs))


_MOODS = Field(name="sentiment", kind="label", labels=("negative", "positive"))
_DISHES = Field(name="café", kind="label", labels=("crème", "brûlée", "सही"))
SIGNATURES = (
    _signature("Sentiment", [Field(name="text")], [_MOODS]),
    _signature("GroundedQA", [Field(name="question"), Field(name="context")], [Field(name="answer", abstains=True)]),
    _signature("Plain", [Field(name="question"), Field(name="context")], [Field(name="answer")]),
    _signature(
        "Order",
        [Field(name="text"), Field(name="urgent", kind="boolean")],
        [Field(name="pieces", kind="integer"), Field(name="price", kind="number", abstains=True)],
    ),
    _signature("Stars", [Field(name="review")], [Field(name="stars", kind="label", labels=(1, 2, 3, 4, 5))]),
    _signature("Küche", [Field(name="größe")], [_DISHES]),
    _signature("Odd", [Field(name="data"), Field(name="answers")], [Field(name="group"), _MOODS]),
)


class _Mood(Enum):
    HIGH = "positive"


TEXTS = (
    "The film was superb.", "Who built it?", "Rovers won, 3-2.", 'She said "no".', "a;b", "tab\there", "two\nlines",
    "crlf\r\nhere", "北京在哪里？", "🙂", "e\u0301te\u0301", "été", "\u202eright to left", "a line\u2028separator",
    "it's | a bar", "'", '"', "=1+1", "null", "None", "nan", "{", "[1]", '{"a": 1}', "\\", "\\n", "x" * 5000,
)  # fmt: skip
BLANKS = ("", " ", "\t", "\u00a0", "\u200b", "\ufeff", "\r\n", "\u2028")
LABELS = ("positive", " positive ", "Positive", "0", "1", "5", "true", "False", "crème", "cre\u0300me", "सही")
NUMBERS = (
    0, 1, 3, -1, 5.0, 3.5, True, False, 1e308, math.nan, math.inf, 10**30, "1e999", "3,5", "1_000", "٣", "9" * 5000,
)  # fmt: skip
ODD = (
    None, [], {}, [[]], [None], ["a", 1], {"a": {"b": [1]}}, "\ud800", "a\udc00b", "a\0b", {"unanswerable": None},
    {"unanswerable": "\ud800"}, {"unanswerable": 3}, '{"unanswerable": "why"}',
    {"text": ["Rovers"], "answer_start": [0]},
    {"text": [], "answer_start": []}, {"text": "Rovers", "answer_start": 0}, [{"text": "a", "answer_start": 1}],
    {"text": [None], "answer_start": [1]},
)  # fmt: skip
OBJECTS = (_Mood.HIGH, Unanswerable(), b"bytes", object, 10**5000, {1, 2}, np.float32(1), np.array(["a"]), ("a",), 1j)
"""Values that can occur only in rows from code."""

_SUFFIXES = (*(".csv", ".json", ".jsonl") * 10, *(".tsv", ".ndjson", ".CSV") * 3, ".txt", "")
_ENCODINGS = (
    *("utf-8-sig", "utf-16", "utf-32") * 3, "utf-16-le", "utf-16-be", "latin-1", "cp1252", "gbk", "shift-jis",
)  # fmt: skip
_STARTS = (
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"PAR1",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x00",
    b"\xfe\xff\x00",
    b"[",
    b'"',
    b"sep=;\n",
)


@dataclass(frozen=True)
class RowFile:
    """One file of rows, or one list of rows from code, with the options to read it."""

    signature: Signature
    suffix: str
    """The file's extension, or `code` if the rows are Python objects."""
    content: Any
    """The file's bytes, or the objects."""
    options: Mapping[str, Any]
    """Arguments of `load_rows`."""


def row_file(seed: int) -> RowFile:
    """Return the file of a seed."""
    return _Writer(random.Random(seed)).file()


class _Writer:
    def __init__(self, rng: random.Random):
        self.rng = rng
        self.signature = rng.choice(SIGNATURES)
        self.fields = [*self.signature.inputs, *self.signature.outputs]
        self.wild = rng.choice((0.0, 0.0, 0.01, 0.1))
        """The share of values that do not fit their field."""

    def file(self) -> RowFile:
        header, rows = self._rows()
        if self.rng.random() < 0.12:
            return RowFile(self.signature, "code", self._objects(header, rows), self._options(header))
        suffix = self.rng.choice(_SUFFIXES)
        is_table = suffix.lower() in (".csv", ".tsv") or self.rng.random() < 0.05
        text = self._table(header, rows) if is_table else self._json(header, rows)
        return RowFile(self.signature, suffix, self._bytes(text), self._options(header))

    def _options(self, header: Sequence[str]) -> dict[str, Any]:
        rng, options = self.rng, dict[str, Any]()
        if rng.random() < 0.1 and header:
            names = [one.name for one in self.fields] + ["group", "nothing"]
            options["mapping"] = {rng.choice([*header, "other"]): rng.choice(names) for _ in range(rng.choice((1, 2)))}
        if rng.random() < 0.2:
            options["allow_empty"] = True
        return options

    def _value(self, one: Field) -> Any:
        """Return a value that fits the field, most of the time."""
        rng = self.rng
        if rng.random() < self.wild:
            return rng.choice(rng.choice((BLANKS, ODD, NUMBERS, LABELS, TEXTS)))
        if one.closed_outcomes:
            outcome = rng.choice(one.closed_outcomes)
            return rng.choice((outcome, one.type.value_of(outcome)))
        if one.type.is_text:
            return f"{rng.choice(TEXTS)} {rng.randrange(99)}"
        return rng.choice((1, 2, 30, "4", 5))

    def _header(self) -> list[str]:
        """Return the names of the fields, with the changes that people make to column names."""
        rng = self.rng
        names = [one.name for one in self.fields]
        if rng.random() < 0.2:
            rng.shuffle(names)
        for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 2))):
            at = rng.randrange(len(names)) if names else 0
            name = names[at] if names else "text"
            names[at : at + 1] = rng.choice((
                [], [name, name], [name.upper()], [f" {name} "], [name, name.title()], ["", name], [name, "id"],
                ["label"], ["sentence"], [name, "group"], [f"\ufeff{name}"], ["answers"], ["e\u0301"], ["x" * 300],
                ["\ud800"], ["a,b"], ["is_impossible", name], [rng.choice(TEXTS)], [name, "", ""],
            ))  # fmt: skip
        return names

    def _rows(self) -> tuple[list[str], list[list[Any]]]:
        header = self._header()
        known = {one.name: one for one in self.fields}
        columns = [known.get(name.strip(), self.rng.choice(self.fields)) for name in header]
        count = self.rng.choice((0, 1, 2, 3, 3, 5, 5, 14, 14, 14, 20, 20))
        return header, [[self._value(column) for column in columns] for _ in range(count)]

    # Tables

    def _table(self, header: list[str], rows: list[list[Any]]) -> str:
        rng = self.rng
        separator, end = rng.choice(",,,;\t|"), rng.choice(("\n", "\n", "\r\n", "\r"))
        cells = [header, *([_cell(value) for value in row] for row in rows)]
        for _ in range(rng.choice((0, 0, 0, 0, 0, 1))):
            odd = rng.choice(([""] * len(header), [], ["  "], ["a"], ["a"] * 9, header))
            cells.insert(rng.randrange(len(cells) + 1), list(odd))
        if rng.random() < 0.92:
            out = io.StringIO(newline="")
            writer = csv.writer(out, delimiter=separator, lineterminator=end, quoting=rng.choice((0, 0, 1)))
            with suppress(csv.Error):
                writer.writerows(cells)
            text = out.getvalue()
        else:
            text = end.join(separator.join(row) for row in cells)
        return rng.choice(("", "", "", f"sep={separator}{end}", end, "\ufeff")) + text

    # JSON

    def _json(self, header: list[str], rows: list[list[Any]]) -> str:
        rng = self.rng
        objects = [self._object(header, row) for row in rows]
        if rng.random() < 0.05:
            return self._squad(objects)
        if rng.random() < 0.1:
            objects = [self._hub(one) for one in objects]
        indent = rng.choice((None, None, None, 2))
        texts = [_dumped(one, indent, is_ascii=rng.random() < 0.3) for one in objects]
        if rng.random() < 0.05 and texts:  # a name twice
            texts[-1] = texts[-1].replace("{", '{"text": "twice", ', 1)
        forms: tuple[Callable[[], str], ...] = (
            lambda: "\n".join(texts),
            lambda: "\n".join(texts),
            lambda: f"[{', '.join(texts)}]",
            lambda: " ".join(texts),
            lambda: ",\n".join(texts),
            lambda: f'{{"version": 1, "data": [{", ".join(texts)}]}}',
            lambda: f"[{', '.join(texts)},]",
            lambda: _dumped([list(row) for row in rows], indent, is_ascii=False),
            lambda: repr(objects)[:100_000],
            lambda: _dumped(rng.choice([*ODD, *NUMBERS[:-1], *TEXTS]), indent, is_ascii=True),
        )
        return rng.choice(forms[:3] if rng.random() < 0.88 else forms)()

    def _object(self, header: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
        named = dict(zip(header, row, strict=True))
        if self.rng.random() < self.wild:
            named.pop(self.rng.choice([*named, ""]), None)
        outputs = [one.name for one in self.signature.outputs if one.name in named]
        if outputs and self.rng.random() < 0.1:
            named[outputs[0]] = [named[outputs[0]], self._value(self.signature.field(outputs[0]))]
        return named

    def _hub(self, named: Mapping[str, Any]) -> dict[str, Any]:
        texts = self.rng.choice(([], ["Rovers"], ["Rovers", "the Rovers"]))
        packed = self.rng.choice((
            {"text": texts, "answer_start": [0] * len(texts)}, [{"text": one, "answer_start": 0} for one in texts],
        ))  # fmt: skip
        kept = {name: value for name, value in named.items() if name != "answer"}
        return {"id": "5", "title": "T", **kept, "answers": packed, "is_impossible": self.rng.random() < 0.2}

    def _squad(self, objects: list[dict[str, Any]]) -> str:
        rng = self.rng
        items = [
            {
                "question": one.get("question", "Who?"),
                "id": rng.choice(("q1", 5, None)),
                "answers": rng.choice(([{"text": one.get("answer", "Rovers"), "answer_start": 0}], [], "none")),
                "is_impossible": rng.random() < 0.3,
            }
            for one in objects
        ]
        paragraph = {"context": rng.choice((*TEXTS, *BLANKS, None)), "qas": items}
        return _dumped({"data": [{"title": "T", "paragraphs": [paragraph]}]}, None, is_ascii=rng.random() < 0.5)

    # Objects and bytes

    def _objects(self, header: list[str], rows: list[list[Any]]) -> Any:
        rng = self.rng
        objects: list[Any] = [self._object(header, row) for row in rows]
        if rng.random() < 0.3 and objects and header:
            objects[-1][rng.choice(header)] = rng.choice(OBJECTS)
        if rng.random() < 0.2:
            objects = [self._hub(one) for one in objects]
        if rng.random() < 0.2:
            objects = [dspy.Example(**{name: value for name, value in one.items() if name}) for one in objects]
        if rng.random() < 0.1:
            return rng.choice(
                (iter(objects), {"train": objects}, objects[0] if objects else 5, [1, *objects], tuple(objects))
            )
        return objects

    def _bytes(self, text: str) -> bytes:
        rng = self.rng
        if rng.random() < 0.02:
            text = text[: rng.randrange(len(text) + 1)]
        encoding = rng.choice(_ENCODINGS) if rng.random() < 0.15 else "utf-8"
        data = text.encode(encoding, rng.choice(("replace", "surrogatepass")) if "utf" in encoding else "replace")
        if rng.random() < 0.05:
            mutable = bytearray(data)
            for _ in range(rng.choice((1, 3, 20))):
                at = rng.randrange(len(mutable) + 1)
                mutable[at : at + rng.choice((0, 1, 5))] = rng.randbytes(rng.choice((0, 1, 3)))
            data = bytes(mutable)
        return rng.choice(_STARTS) + data if rng.random() < 0.03 else data


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else str(value)


def _dumped(value: Any, indent: int | None, *, is_ascii: bool) -> str:
    return json.dumps(value, ensure_ascii=is_ascii, indent=indent, default=str)
