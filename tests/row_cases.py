"""Signatures and files of rows that several tests read."""

import json
from pathlib import Path

from cribsheet.signature import Field, Signature

DATA = Path(__file__).parents[2] / "shared" / "data"
ORDER = Signature(
    name="Order",
    instructions="Read the order.",
    inputs=(Field(name="text"), Field(name="urgent", kind="boolean")),
    outputs=(Field(name="pieces", kind="integer"), Field(name="price", kind="number")),
)
ECHO = Signature(
    name="Echo", instructions="Say it again.", inputs=(Field(name="text"),), outputs=(Field(name="answer"),)
)
GOOD = '{"text": "a", "sentiment": "positive"}\n'
"""A row of the toy sentiment."""


def jsonl(*rows: object) -> str:
    """Return rows, one a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def squad(*items: object, context: str = "Rome is in Italy.") -> str:
    """Return a file of SQuAD with one paragraph."""
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": list(items)}]}]})
