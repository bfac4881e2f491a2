"""Frozen files: the same bytes for the same program, refused when edited."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from cribsheet.corrections import Calibration, Extraction, Guard, Pointer, Readout
from cribsheet.errors import FrozenFileError
from cribsheet.frozen.sealing import read, reseal, save, to_text, write_text
from cribsheet.signature import Field
from frozen_toys import toy_program, toy_prompt
from toys import QA, SENTIMENT


def test_what_is_saved_is_read_back_whole(tmp_path: Path) -> None:
    save(toy_program(), tmp_path / "new" / "x.prompt.json")
    assert read(tmp_path / "new" / "x.prompt.json") == toy_program()


def test_the_same_program_gives_the_same_bytes() -> None:
    assert to_text(toy_program()) == to_text(toy_program())


def edit(path: Path, **changes: object) -> Path:
    save(toy_program(), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")
    return path


def test_white_space_and_key_order_break_no_seal(tmp_path: Path) -> None:
    assert read(edit(tmp_path / "x.prompt.json")) == toy_program()


def test_an_edited_file_is_refused_until_it_is_sealed_anew(tmp_path: Path) -> None:
    path = edit(tmp_path / "x.prompt.json", task="another")
    with pytest.raises(FrozenFileError, match=r"edited.*cribsheet seal"):
        read(path)
    reseal(path)
    assert read(path).task == "another"


MISFITS: dict[str, tuple[tuple[str, ...], object, str]] = {
    "no prompts": (("prompts",), {}, "prompts: there is none"),
    "a demo without a field": (
        ("prompts", "predict", "demos"),
        [{"inputs": {"text": "Hm."}, "outputs": {}}],
        "prompts.predict.demos.0.outputs: 'sentiment' is missing",
    ),
    "a demo of another type": (
        ("prompts", "predict", "demos"),
        [{"inputs": {"text": 5}, "outputs": {"sentiment": "positive"}}],
        "prompts.predict.demos.0.inputs.text: it is not of the type",
    ),
    "an unknown prompt": (("wiring", "order"), ["other"], "wiring.order: there is no prompt 'other'"),
    "no order": (("wiring", "order"), [], "wiring.outputs.sentiment: nothing gives it"),
    "no inputs": (("wiring", "inputs"), {}, "wiring.inputs.predict: these are not the inputs of the prompt"),
    "an input of itself": (
        ("wiring", "inputs", "predict", "text"),
        {"source": "predict", "field": "sentiment"},
        "wiring.inputs.predict.text: no earlier prompt gives predict.sentiment",
    ),
    "an unknown output": (
        ("wiring", "outputs", "sentiment"),
        {"source": "predict", "field": "mood"},
        "wiring.outputs.sentiment: nothing gives it",
    ),
    "no outputs": (("wiring", "outputs"), {}, "wiring.outputs: there is none"),
    "a token id that is none": (
        ("prompts", "predict", "corrections"),
        [{"kind": "calibration", "biases": {}, "logit_bias": {"good": 1}}],
        "its keys must be token ids, such as '284', but one is 'good'",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_parts_that_do_not_fit_together_are_refused(tmp_path: Path, name: str) -> None:
    (*place, last), value, message = MISFITS[name]
    content = json.loads(to_text(toy_program()))
    part = content
    for key in place:
        part = part[key]
    part[last] = value
    (tmp_path / "x.prompt.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(FrozenFileError, match=re.escape(message)):
        reseal(tmp_path / "x.prompt.json")


def test_the_place_of_a_fault_is_shown_cut(tmp_path: Path) -> None:
    path = edit(tmp_path / "x.prompt.json", extra={"deep": json.loads("[" * 400 + "]" * 400)})
    with pytest.raises(FrozenFileError, match="is not a frozen file") as caught:
        reseal(path)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_file_that_an_editor_saved_in_another_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.prompt.json"
    path.write_text(to_text(toy_program()), encoding=encoding)
    assert read(path) == toy_program()
    assert reseal(path) == toy_program()
    assert path.read_bytes() == to_text(toy_program()).encode()


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"format": ' + "[" * 100_000,
        '{"format": 3, "task": "\\ud800"}',
        '{"format": ' + "1" * 5000 + "}",
    ],
)
def test_what_json_cannot_hold_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.prompt.json"
    path.write_text(content, encoding="utf-8")
    for does in (read, reseal):
        with pytest.raises(
            FrozenFileError, match=r"x\.prompt\.json is not valid JSON: .* copy it again or compile again"
        ):
            does(path)


@pytest.mark.parametrize(
    "content",
    [
        '{"text": "a", "label": "b"}\n{"text": "c", "label": "d"}\n',
        "from cribsheet import Task\n",
        "text,label\na,b\n",
        "",
    ],
    ids=["jsonl", "python", "csv", "empty"],
)
def test_a_file_of_another_kind_is_not_called_truncated(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(content, encoding="utf-8")
    for does in (read, reseal):
        with pytest.raises(FrozenFileError, match=r"x\.jsonl is not a frozen file\. Name a \*\.prompt\.json file\.$"):
            does(path)


_QA = QA.model_copy(update={"outputs": (Field(name="answer", abstains=True),)})
_GUARD: dict[str, Any] = {
    "field": "answer",
    "context": "context",
    "lead": ("question",),
    "intercept": 0.0,
    "threshold": 0.5,
}
HAND_MADE = {
    "outcome": (SENTIMENT, Calibration(biases={"positive": 1.0, "neutral": 2.0}), "0.biases: 'neutral' is no outcome"),
    "nothing decided": (_QA, Calibration(biases={"yes": 1.0}), "0.biases: 'yes' is no outcome; the outcomes are none"),
    "readout": (
        SENTIMENT,
        Readout(usual={" a": -1.0}, weights={" a": {"bad": 1.0}}, biases={}),
        "0.weights: 'bad' is no outcome",
    ),
    "token": (SENTIMENT, Readout(usual={" a": -1.0}, weights={}, biases={}), "0.weights: the token ' a' of usual has"),
    "source": (_QA, Extraction(source="page"), "0.source: 'page' is no input; the inputs are question, context"),
    "pointer": (_QA, Pointer(source="context", lead=("query",), weights={}), "0.lead: 'query' is no input"),
    "signal": (_QA, Pointer(source="context", weights={"luck": 1.0}), "0.weights: 'luck' is no signal"),
    "context": (_QA, Guard(**{**_GUARD, "context": "page"}, weights={}), "0.context: 'page' is no input"),
    "field": (
        _QA,
        Guard(**{**_GUARD, "field": "reply"}, weights={}),
        "0.field: 'reply' is no output that may be unans",
    ),
    "evidence": (_QA, Guard(**_GUARD, weights={"luck": 1.0}), "0.weights: 'luck' is no signal; there are coverage, gr"),
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_a_correction_that_names_what_the_signature_does_not_have_is_refused(tmp_path: Path, name: str) -> None:
    signature, correction, message = HAND_MADE[name]
    prompt = toy_prompt(signature).model_copy(update={"corrections": (correction,), "demos": ()})
    path = tmp_path / "x.prompt.json"
    path.write_text(to_text(toy_program(prompt)), encoding="utf-8")
    for does in (read, reseal):
        with pytest.raises(FrozenFileError) as caught:
            does(path)
        assert f"fit together: prompts.predict.corrections.{message}" in str(caught.value)


def test_words_for_a_field_that_there_is_not_are_refused(tmp_path: Path) -> None:
    prompt = toy_prompt()
    layout = prompt.layout.model_copy(update={"words": {"review": "Review"}})
    path = tmp_path / "x.prompt.json"
    path.write_text(to_text(toy_program(prompt.model_copy(update={"layout": layout}))), encoding="utf-8")
    with pytest.raises(
        FrozenFileError, match=r"layout\.words: there is no field 'review'; the fields are sentiment, text"
    ):
        read(path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.prompt.json"
    path.write_text(to_text(toy_program())[:-200], encoding="utf-8")
    with pytest.raises(FrozenFileError, match="truncated"):
        read(path)


def test_a_file_of_an_older_format_asks_to_compile_again(tmp_path: Path) -> None:
    path = edit(tmp_path / "x.prompt.json", format=1)
    with pytest.raises(FrozenFileError, match="Compile the task again"):
        reseal(path)


def test_a_file_of_a_newer_format_asks_for_an_upgrade(tmp_path: Path) -> None:
    path = edit(tmp_path / "x.prompt.json", format=3)
    with pytest.raises(FrozenFileError, match="pip install -U"):
        reseal(path)


def test_an_edit_that_breaks_the_schema_is_not_sealed(tmp_path: Path) -> None:
    path = edit(tmp_path / "x.prompt.json", prompts={"predict": {"demos": 3}})
    before = path.read_bytes()
    with pytest.raises(FrozenFileError, match="prompts"):
        reseal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["[]", "{}", "null", '{"format": "one"}', "\x00"])
def test_what_is_no_frozen_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.prompt.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FrozenFileError, match=r"x\.prompt\.json"):
        read(path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FrozenFileError, match="optimize TASK"):
        read(tmp_path / "x.prompt.json")


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("kept")
    with pytest.raises(FrozenFileError, match="--out"):
        save(toy_program(), blocked / "x.prompt.json")
    assert blocked.read_text() == "kept"


def test_a_link_is_written_through_and_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target.json", tmp_path / "link.json", tmp_path / "pipe"
    target.write_text("old")
    link.symlink_to(target)
    write_text(link, "new")
    assert (link.is_symlink(), target.read_text()) == (True, "new")
    os.mkfifo(pipe)
    with pytest.raises(FrozenFileError, match="is no regular file, and would be replaced"):
        write_text(pipe, "new")
    assert pipe.is_fifo()


def test_a_file_that_is_read_only_is_not_replaced(tmp_path: Path) -> None:
    kept = tmp_path / "kept.prompt.json"
    kept.write_text("old")
    kept.chmod(0o444)
    if os.access(kept, os.W_OK):
        pytest.skip("this user may write to every file")
    with pytest.raises(FrozenFileError, match=r"kept.prompt.json is read-only; refusing to overwrite it\. Make it"):
        write_text(kept, "new")
    assert kept.read_text() == "old"
