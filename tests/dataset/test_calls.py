"""Kept calls are read with their types, least sure first, each different inputs once."""

import json
from pathlib import Path

import pytest

from cribsheet.dataset.calls import calls_to_review, kept_calls
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from toys import QA, SENTIMENT


def kept(text: str, **keys: object) -> dict[str, object]:
    return {"program": "toy", "inputs": {"text": text}, "outputs": {"sentiment": "positive"}} | keys


def written(folder: Path, *calls: object) -> Path:
    path = folder / "calls.jsonl"
    path.write_text("".join(f"{json.dumps(call)}\n" for call in calls), encoding="utf-8")
    return path


def test_the_least_sure_comes_first_and_what_the_inputs_decided_last(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        kept("sure", probability=0.9),
        kept("settled", decided_by="inputs"),
        kept("unknown"),
        kept("unsure", probability=0.5),
    )
    calls = calls_to_review(kept_calls([path]), SENTIMENT)
    assert [call.inputs["text"] for call in calls] == ["unsure", "sure", "unknown", "settled"]


def test_inputs_that_were_asked_often_are_reviewed_once_with_the_latest_answer(tmp_path: Path) -> None:
    late = kept("a  FILM", outputs={"sentiment": "negative"}, time="2026-02-01T00:00:00")
    path = written(tmp_path, kept("A film"), late, kept("a film", time="2026-01-01T00:00:00"))
    (call,) = calls_to_review(kept_calls([path, path]), SENTIMENT)
    assert (call.inputs["text"], call.outputs["sentiment"], call.times) == ("a  FILM", "negative", 6)


def test_an_abstention_keeps_its_reason(tmp_path: Path) -> None:
    inputs = {"question": "Who?", "context": "It rained."}
    path = written(tmp_path, {"program": "qa", "inputs": inputs, "outputs": {"answer": {"unanswerable": "why"}}})
    (call,) = calls_to_review(kept_calls([path]), QA)
    assert call.outputs == {"answer": Unanswerable(reason="why")}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("7", "line 2: '7' is not an object"),
        ('{"text": "a row"}', "line 2: not a kept call: program: Field required"),
        (json.dumps(kept("x", user="me")), "line 2: not a kept call: user: .*A kept call has program"),
        (json.dumps(kept("x", probability="high")), "line 2: not a kept call: probability"),
        (json.dumps(kept("x", probability=7)), "line 2: not a kept call: probability"),
        (json.dumps(kept("x", inputs={"message": "x"})), "line 2: no value for 'text'; the program has text"),
        (json.dumps(kept("x", inputs={"text": "x", "b": 1})), "line 2: the unknown field 'b'"),
        (json.dumps(kept("x", outputs={})), "line 2: no value for 'sentiment'"),
        (json.dumps(kept("x", outputs={"sentiment": "meh"})), "line 2: sentiment must be one of negative, positive"),
        (json.dumps(kept("x", inputs={"text": "a\0b"})), "line 2: text has the character NUL"),
        (json.dumps(kept("x", inputs={"text": 7})), "line 2: text must be"),
    ],
)
def test_a_line_that_is_no_call_of_the_program_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text(f"{json.dumps(kept('fine'))}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        calls_to_review(kept_calls([path]), SENTIMENT)


def test_a_last_line_that_is_cut_off_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, kept("Köln"))
    whole = path.read_bytes()
    line = json.dumps(kept("Zürich"), ensure_ascii=False).encode()
    for cut in (line[:20], line[: line.index("ü".encode()) + 1]):
        path.write_bytes(whole + cut)
        with pytest.warns(UserWarning, match="line 2: left out, because the line is cut off"):
            assert [call.inputs for _, call in kept_calls([path])] == [{"text": "Köln"}]
    path.write_bytes(whole + line)
    assert len(kept_calls([path])) == 2


def test_a_last_line_that_is_nested_too_deep_is_named(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    path.write_text('{"a":' * 100_000)
    with pytest.raises(DataError, match="line 1: not JSON"):
        kept_calls([path])


def test_a_missing_an_empty_and_a_binary_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"PK\x03\x04")
    for name, message in (
        ("nix", "There is no file"),
        ("empty", "is empty"),
        ("binary", "zip"),
        ("", "cannot be read"),
    ):
        with pytest.raises(DataError, match=message):
            kept_calls([tmp_path / name])
