"""A task with types of its own, its rows, and a model that answers as well as it is shown."""

import json
import re
from typing import Any

from cribsheet.models import Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt

PROGRAM = '''"""Find the orders in a mail."""

import datetime
from typing import Literal

import dspy
from pydantic import BaseModel, Field

from cribsheet import Task


class Item(BaseModel):
    name: str
    count: int = Field(ge=1)


class Order(BaseModel):
    items: list[Item]
    due: datetime.date | None = None


class Orders(dspy.Signature):
    """Find what is ordered."""

    mail: str = dspy.InputField()
    shops: set[Literal["north", "south"]] = dspy.InputField()
    since: datetime.date | None = dspy.InputField()
    limit: int = dspy.InputField(default=3)
    order: Order | None = dspy.OutputField(desc="what is ordered")


def found(example, prediction, trace=None):
    """Compare the user's own types."""
    assert isinstance(example.shops, set)
    assert example.since is None or isinstance(example.since, datetime.date)
    for order in (example.order, prediction.order):
        assert order is None or (isinstance(order, Order) and all(isinstance(item, Item) for item in order.items))
    return example.order == prediction.order


task = Task(Orders, metric=found, trainset="orders.jsonl")
'''
NOUNS = ("pens", "caps", "maps", "nuts", "jars", "tins", "bags", "rods", "pins", "mops", "figs", "oars")


def order_rows() -> list[dict[str, Any]]:
    """Return 48 rows, a quarter of them without an order."""
    rows: list[dict[str, Any]] = []
    for number, noun in enumerate(NOUNS):
        for count in range(1, 5):
            mail = f"Mail {number}.{count}: send {count} {noun} on 2024-05-0{count}." if count < 4 else f"No {noun}."
            due = f"2024-05-0{count}"
            order = {"items": [{"name": noun, "count": count}], "due": due} if count < 4 else None
            shops = [["north"], ["south", "north"], []][count % 3]
            rows.append({"mail": mail, "shops": shops, "since": due if count % 2 else None, "order": order})
    return rows


def clerk_model() -> ScriptedModel:
    """Return a model that writes the order as JSON, which every notation reads, if it is shown any order."""
    return ScriptedModel(_answer, name="scripted/clerk", parallel=2)


def _answer(prompt: Prompt, sampling: Sampling) -> str | Completion:
    text = prompt.full_text
    asked = re.findall(r"send (\d) (\w+) on (\S+)\.|(No) \w+\.", text)[-1:]
    if text.count("Mail") < 3 or not asked:
        return " I do not know what that is"
    count, noun, due, nothing = asked[0]
    if nothing:
        return " unanswerable"
    return " " + json.dumps({"items": [{"name": noun, "count": int(count)}], "due": due})
