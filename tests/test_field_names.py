"""A field may have any name that dspy accepts, from the rows to the exports."""

import json
import keyword
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import dspy
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cribsheet import Settings, Task, compile_task, exact_match, load
from cribsheet.cli import ask
from cribsheet.errors import CribsheetError, ExportError
from cribsheet.export import TARGETS, export
from cribsheet.frozen import read, save
from cribsheet.models import WAYS
from cribsheet.signature.options import option_name
from cribsheet.workspace import new_workspace
from toys import sentiment_rows, student_model, write_rows

OURS = [
    "id",
    "group",
    "demo",
    "inputs",
    "outputs",
    "text",
    "confidence",
    "probability",
    "model_text",
    "changes",
    "values",
    "get",
    "keys",
    "items",
    "labels",
    "without",
    "toDict",
    "self",
    "name",
    "prompt",
    "model",
    "jsonl",
    "out",
    "json",
    "help",
    "file",
    "data",
    "api_base",
    "error",
    "unanswerable",
    "class_",
    "kind",
    "reasoning",
    "instructions",
    "layout",
    "format",
    "copy",
    "dict",
    "schema",
    "question",
    "answer",
    "_",
    "match",
    "case",
    "type",
]
"""Names that the code has a use for itself."""


@pytest.fixture(scope="module", autouse=True)
def _student_is_opened_by_name() -> Iterator[None]:
    WAYS["scripted"] = lambda name, options: student_model()
    yield
    del WAYS["scripted"]


identifiers = st.one_of(
    st.sampled_from(OURS),
    st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True),
    st.from_regex(r"[A-Z][A-Za-z]{0,5}", fullmatch=True),
    st.sampled_from(["größe", "名字", "été"]),
).filter(lambda name: name.isidentifier() and not keyword.iskeyword(name))


def signature_with(given_name: str, asked_name: str, *more: str) -> Any:
    """Return a dspy signature of inputs and one label; None if dspy itself refuses the names."""
    fields = {
        **{name: (str, dspy.InputField()) for name in (given_name, *more)},
        asked_name: (Literal["negative", "positive"], dspy.OutputField()),
    }
    try:
        return dspy.Signature(fields, "Say whether the text is negative or positive.")
    except Exception:  # noqa: BLE001 - whatever dspy says to a name that it does not take
        return None


UNSUITABLE = ("dotprompt", "sft")
"""Targets that refuse these prompts whatever their fields' names are: one is for chats, one needs rows."""


def check_end_to_end(folder: Path, given_name: str, asked_name: str, *more: str, targets: Sequence[str]) -> None:
    """Compile, save, read, ask and export a task with these names, unless it is refused in words."""
    workspace = new_workspace(folder)
    rest = dict.fromkeys(more, "Hm")
    rows = [{given_name: row["text"], **rest, asked_name: row["sentiment"]} for row in sentiment_rows()]
    trainset = write_rows(folder / "rows.jsonl", rows)
    task = Task(signature_with(given_name, asked_name, *more), metric=exact_match, trainset=trainset)
    options = Settings(budget="300calls", optimizer="labeled")
    found, refusal = None, ""
    try:
        found = compile_task(task, options, workspace=workspace, model=student_model())
    except CribsheetError as error:
        refusal = str(error)
    if found is None:
        assert given_name in refusal or asked_name in refusal
        return
    assert found.program.results.compiled.score > 0.6
    path = folder / "x.prompt.json"
    save(found.program, path)
    answer = load(path, model=student_model())(**{given_name: "The soup was lovely.", **rest})
    assert getattr(answer, asked_name) == answer[asked_name]
    assert answer[asked_name] in ("negative", "positive")
    for target in targets:
        try:
            text = export(read(path), target).text
        except ExportError as error:
            text = str(error)
            assert given_name in text or target in UNSUITABLE
        assert text
    others = [part for name in more for part in (option_name(name), "Hm")]
    line = [str(path), option_name(given_name), "The soup was lovely.", *others, "--json"]
    asked = CliRunner().invoke(ask.command, line, prog_name="ask")
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout)[asked_name] == answer[asked_name]


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_name=identifiers, asked_name=identifiers)
def test_any_name_works_or_is_refused_in_words(tmp_path_factory: Any, given_name: str, asked_name: str) -> None:
    if given_name == asked_name or signature_with(given_name, asked_name) is None:
        return
    check_end_to_end(tmp_path_factory.mktemp("names"), given_name, asked_name, targets=[*TARGETS])


@pytest.mark.parametrize(("given_name", "asked_name"), zip(OURS, [*OURS[1:], OURS[0]], strict=True))
def test_our_own_names_are_fields_too(tmp_path: Path, given_name: str, asked_name: str) -> None:
    pairs = [(given_name, asked_name)]
    if signature_with(given_name, asked_name) is None:  # dspy does not take one of them
        pairs = [(given_name, "verdict"), ("review", asked_name)]
    for number, pair in enumerate(pairs):
        if signature_with(*pair) is not None:
            folder = tmp_path / str(number)
            folder.mkdir()
            check_end_to_end(folder, *pair, targets=[target for target in TARGETS if target != "python"])


@pytest.mark.slow
def test_our_own_names_are_fields_of_one_exported_module(tmp_path: Path) -> None:
    """One module with all the names, because writing it takes a second."""
    first, *more = [name for name in OURS if signature_with(name, "verdict") is not None]
    check_end_to_end(tmp_path, first, "verdict", *more, targets=["python"])


def test_no_two_inputs_share_an_option() -> None:
    names = ("model", "input_model", "input_input_model", "input", "input_text", "text", "out", "input_out")
    assert len({option_name(name) for name in names}) == len(names)
