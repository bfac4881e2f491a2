"""Bad input of a compile is one clear error, or an answer that is counted as unreadable, and no row is lost."""

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from cribsheet.frozen.sealing import read
from cribsheet.models import WAYS, Completion, Sampling
from cribsheet.models.scripted import ScriptedModel
from cribsheet.prompts import Prompt

Run = Callable[..., Result]
ROWS = 80
BAD = 3
"""Every third text gets a bad answer."""
HEAD = '''
import enum
from collections.abc import Callable
from typing import Any, Literal

import dspy
from pydantic import BaseModel

from cribsheet import Task, exact_match


class Person(BaseModel):
    name: str
    age: int


class Tree(BaseModel):
    name: str
    children: "list[Tree]" = []


class Nothing(enum.Enum):
    pass


class Bad(dspy.Signature):
    """Do it."""

    text: str = dspy.InputField()
    out: {annotation} = dspy.OutputField()


task = Task(Bad, metric=exact_match, trainset="{trainset}")
'''


def number(prompt: Prompt) -> int:
    return int(([*re.findall(r"number (\d+)", prompt.full_text)] or ["0"])[-1])


@pytest.fixture
def optimize(run: Run, folder: Path) -> Iterator[Callable[..., Result]]:
    """Compile a task whose output has a type, for a model that answers by a function of the text's number."""

    def optimize(
        annotation: str,
        say: Callable[[int], str] = str,
        *,
        gold: Callable[[int], Any] = str,
        trainset: str = "bad.jsonl",
    ) -> Result:
        def script(prompt: Prompt, sampling: Sampling) -> Completion:
            return Completion(text=say(number(prompt)))

        WAYS["scripted"] = lambda name, options: ScriptedModel(script)
        program = HEAD.replace("{annotation}", annotation).replace("{trainset}", trainset)
        (folder / "programs" / "bad.py").write_text(program)
        if trainset == "bad.jsonl":
            rows = [json.dumps({"text": f"Number {n}, number {n}.", "out": gold(n)}) for n in range(ROWS)]
            (folder / "trainsets" / "bad.jsonl").write_text("\n".join(rows))
        return run("optimize", "bad", "--model", "scripted/x", "--optimizer", "labeled", "--budget", "300calls")

    yield optimize
    del WAYS["scripted"]


def message(result: Result) -> str:
    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    (error,) = re.findall(r"Error: .*", result.stderr, re.DOTALL)
    return " ".join(str(error).split())


@pytest.mark.parametrize(
    ("annotation", "told"),
    [
        (
            "Callable[[int], str]",
            "The field 'out' has the type typing.Callable[[int], str], which is not supported. Use",
        ),
        ("dspy.Image", "The field 'out' has the type Image, which is not supported. Use str"),
        ("list[dspy.Image]", "The field 'out' has the type Image, which is not supported. Use str"),
        ("Any", "The field 'out' has the type Any, which is not supported. Use str"),
        ("Tree", "The field 'out' has the type Tree, which contains itself. Only records of a fixed depth"),
        ("Nothing", "The field 'out' has the type Nothing, which has no values. Give its Literal or Enum at least one"),
        ("Literal[()]", "programs/bad.py does not run at line 26: AssertionError: literal"),
        (
            "Literal[tuple(map(str, range(10_000)))]",
            "It names the 10,000 labels of 'out'. Use fewer labels, for example groups of them",
        ),
    ],
)
def test_a_type_that_cannot_be_compiled_is_one_error_with_what_to_do(
    optimize: Callable[..., Result], folder: Path, annotation: str, told: str
) -> None:
    assert told in message(optimize(annotation)).replace("collections.abc.", "typing.")
    assert not [*folder.glob("*.prompt.json")]


def test_a_set_of_too_many_labels_is_one_error_that_names_it(optimize: Callable[..., Result]) -> None:
    result = optimize("set[Literal[tuple(map(str, range(10_000)))]]", gold=lambda n: [str(n)])
    assert "It names the 10,000 labels of 'out'. Use fewer labels" in message(result)


def person(n: int) -> dict[str, Any]:
    return {"name": f"n{n}", "age": n}


@pytest.mark.parametrize(
    ("annotation", "gold", "bad"),
    [
        ("Person", person, '{"name": "a very long'),
        ("Person", person, '{"name": "x", "name": "y", "age": 1}'),
        ("Person", person, '[{"name": "x", "age": 1}, {"name": "y", "age": 2}]'),
        ("Person", person, '[{"name": "x", "age": 1}, {"na'),
        ("Person", person, '{"name": ["x"], "age": 1}'),
        ("Person", person, '{"name": "x", "age": "three"}'),
        ("list[int]", lambda n: [n], '["one"]'),
        ("list[int]", lambda n: [n], '{"these": [1], "those": [2]}'),
        ("int", int, "three"),
        ("int", int, "[1, 2]"),
    ],
    ids=[
        "cut",
        "twice",
        "list",
        "cut list",
        "list inside",
        "words inside",
        "words in list",
        "two lists",
        "words",
        "ints",
    ],
)
def test_an_answer_that_cannot_be_read_is_counted_and_the_others_are_scored(
    optimize: Callable[..., Result], folder: Path, annotation: str, gold: Callable[[int], Any], bad: str
) -> None:
    result = optimize(annotation, lambda n: bad if n % BAD == 0 else json.dumps(gold(n)), gold=gold)
    assert result.exit_code == 0, result.output
    results = read(folder / "bad.prompt.json").results
    assert results.unread is not None
    assert 0 < results.unread.rows < results.compiled.n
    assert results.compiled.score == pytest.approx(1 - results.unread.rows / results.compiled.n)


@pytest.mark.parametrize(
    ("annotation", "gold", "told"),
    [
        ("int", lambda n: "three", "bad.jsonl, line 1: out must be a whole number but got 'three'. Correct the row"),
        ("int", lambda n: {"a": 1}, "bad.jsonl, line 1: out must be a whole number but got {'a': 1}. Correct the row"),
        ("str", lambda n: [["a", "b"]], "bad.jsonl, line 1: out must be text but got ['a', 'b']. Correct the row"),
        (
            "Person",
            lambda n: [person(1), "x"],
            "bad.jsonl, line 1: out must be a record with name, age, as JSON, but got 'x'",
        ),
    ],
)
def test_a_row_of_another_type_is_named(
    optimize: Callable[..., Result], annotation: str, gold: Callable[[int], Any], told: str
) -> None:
    assert told in message(optimize(annotation, gold=gold))


def test_a_workbook_of_excel_given_as_csv_is_told(optimize: Callable[..., Result], folder: Path) -> None:
    with zipfile.ZipFile(folder / "trainsets" / "bad.csv", "w") as workbook:
        workbook.writestr("xl/workbook.xml", "<workbook/>")
    told = message(optimize("str", trainset="bad.csv"))
    assert "bad.csv is a zip file, as Excel's workbooks are, not text. In Excel, save it as CSV UTF-8" in told


def test_parquet_files_are_read_by_the_name_of_their_split_or_refused(
    optimize: Callable[..., Result], folder: Path
) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow, of the extra parquet, is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    data = folder / "trainsets" / "hub" / "data"
    data.mkdir(parents=True)
    for shard in range(2):
        numbers = range(40 * shard, 40 * (shard + 1))
        rows = {"text": [f"Number {n}, number {n}." for n in numbers], "out": list(numbers)}
        parquet.write_table(arrow.table(rows), data / f"train-0000{shard}-of-00002.parquet")
    parquet.write_table(arrow.table({"sentence": ["a"], "label": [1]}), data / "test-00000-of-00001.parquet")
    assert f"holds several splits. Name one of them: {data}/test, {data}/train." in message(
        optimize("int", trainset="hub")
    )
    assert "row 1: no field 'text'; it has sentence, label." in message(optimize("int", trainset="hub/data/test"))
    result = optimize("int", trainset="hub/data/train")
    assert result.exit_code == 0, result.output
    assert read(folder / "bad.prompt.json").results.compiled.score == 1.0
