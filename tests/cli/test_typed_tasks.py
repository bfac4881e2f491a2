"""A task with types of its own goes through every command."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cribsheet
from clerk import PROGRAM, clerk_model, order_rows
from cli.conftest import Run
from cribsheet.errors import DataError
from cribsheet.frozen.sealing import read
from cribsheet.models import WAYS
from toys import write_rows

ORDER = {"items": [{"name": "cups", "count": 2}], "due": "2024-05-02"}
MAIL = "Mail: send 2 cups on 2024-05-02."


@pytest.fixture
def orders(run: Run, folder: Path) -> Iterator[Path]:
    """A compiled file of the task, whose model can be opened by its name."""
    (folder / "programs" / "orders.py").write_text(PROGRAM)
    write_rows(folder / "trainsets" / "orders.jsonl", order_rows())
    WAYS["scripted"] = lambda name, options: clerk_model()
    made = run("optimize", "orders", "--model", "scripted/clerk", "--budget", "300calls", "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["compiled"]["score"] == 1.0 > json.loads(made.stdout)["baseline"]["score"]
    yield Path("orders.prompt.json")
    del WAYS["scripted"]


@pytest.mark.slow
def test_a_typed_task_is_compiled_asked_scored_and_shown(run: Run, orders: Path, folder: Path) -> None:
    given = ("--mail", MAIL, "--shops", '["south"]')
    assert json.loads(run("ask", orders, *given).stdout) == ORDER
    told = json.loads(run("ask", orders, *given, "--since", "2024-05-01", "--limit", "5", "--json").stdout)
    assert told["order"] == ORDER
    assert run("ask", orders, "--mail", "No cups.", "--shops", "[]").stdout == "null\n"
    assert "--shops JSON" in run("ask", orders, "--help").stdout
    wrong = run("ask", orders, "--mail", MAIL, "--shops", '["west"]')
    assert wrong.exit_code == 2
    assert "must be one of north, south" in wrong.stderr
    write_rows(folder / "asked.jsonl", [{"mail": MAIL, "shops": ["south", "north"], "number": 7}])
    lines = run("ask", orders, "--jsonl", "asked.jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"mail": MAIL, "shops": ["south", "north"], "number": 7, "order": ORDER}
    ]
    scored = json.loads(run("evaluate", orders, "--data", "orders.jsonl", "--json").stdout)
    assert scored["score"] == 1.0
    checked = run("check", orders, "--json")
    assert checked.exit_code == 0, checked.output
    shown = run("show", orders).stdout
    assert '"count"' in shown or "count:" in shown


def test_a_loaded_program_takes_and_gives_json_values(orders: Path, folder: Path) -> None:
    program = cribsheet.load(folder / orders, model=clerk_model())
    assert program(mail=MAIL, shops=["north"]).order == ORDER
    assert program(mail="No cups.", shops=[], since="2024-05-01", limit=1).order is None
    with pytest.raises(DataError, match="limit must be a whole number"):
        program(mail=MAIL, shops=[], limit="many")
    schema: Any = json.loads((folder / orders).read_text())
    (prompt,) = schema["prompts"].values()
    assert prompt["signature"]["inputs"]["required"] == ["mail", "shops"]
    assert prompt["signature"]["outputs"]["properties"]["order"]["anyOf"][1] == {"type": "null"}
    assert read(folder / orders).prompts


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"order": ["cups"]}, "order must be a record with items, due"),
        ({"order": {"items": [{"name": "cups", "count": 0}]}}, "count.*at least 1"),
        ({"order": {"items": [], "when": "soon"}}, "'when', which is no member"),
        ({"order": '{"items": [], "items": []}'}, "names 'items' twice"),
        ({"order": '{"items": ['}, "cut off"),
        ({"order": {"items": [], "due": "tomorrow"}}, "due.*must be a date such as 2024-05-01"),
        ({"shops": "north"}, "shops must be a set.*as JSON"),
        ({"shops": ["west"]}, "shops .*must be one of north, south"),
        ({"since": "next week"}, "since must be a date"),
        ({"limit": "three"}, "limit must be a whole number"),
        ({"order": {"items": [{"name": "a\0b", "count": 1}]}}, "NUL"),
    ],
)
def test_a_row_of_another_shape_is_told_with_its_line(run: Run, folder: Path, row: dict[str, Any], told: str) -> None:
    (folder / "programs" / "orders.py").write_text(PROGRAM)
    rows = order_rows()
    rows[6] |= row
    write_rows(folder / "trainsets" / "orders.jsonl", rows)
    WAYS["scripted"] = lambda name, options: clerk_model()
    result = run("optimize", "orders", "--model", "scripted/clerk", "--budget", "600calls")
    del WAYS["scripted"]
    assert result.exit_code == 1
    assert "orders.jsonl, line 7" in result.stderr.replace("\n", " ")
    assert re.search(told, " ".join(result.stderr.split())), result.stderr
