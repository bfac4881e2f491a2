"""Traces are saved as JSON lines, and read back typed or refused with the line's number."""

import json
from pathlib import Path
from typing import Any

import pytest

from cribsheet.dataset.traces import Trace, demos_of_traces, rationales_of, read_traces, write_traces
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable
from toys import QA

LINE: dict[str, Any] = {
    "row": "abc",
    "predictor": "answer",
    "inputs": {"question": "Who?", "context": "Rovers won.\u2028Twice."},
    "outputs": {"reasoning": "They won.", "answer": "Rovers"},
    "score": 1.0,
    "teacher": "big/teacher",
    "sample": 2,
    "hinted": True,
}
SIGNATURES = {"answer": QA}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    unanswerable = LINE | {"outputs": {"answer": Unanswerable(reason="off topic")}}
    traces = (Trace.model_validate(LINE), Trace.model_validate(unanswerable))
    write_traces(tmp_path / "deep" / "t.jsonl", traces)
    assert read_traces(tmp_path / "deep" / "t.jsonl", SIGNATURES) == traces
    first, second = (json.loads(line) for line in (tmp_path / "deep" / "t.jsonl").read_text().rstrip("\n").split("\n"))
    assert first == LINE
    assert second["outputs"] == {"answer": {"unanswerable": "off topic"}}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", r"t\.jsonl, line 2: not JSON"),
        ("[]", r"line 2: .* is not an object"),
        (json.dumps({**LINE, "score": 2}), "line 2: no trace: score"),
        (json.dumps({**LINE, "note": "x"}), "line 2: no trace: note"),
        (json.dumps({**LINE, "predictor": "find"}), "line 2: the program has no predictor 'find', but answer"),
        (json.dumps({**LINE, "inputs": {"question": "Who?"}}), "line 2: answer has the inputs question, context"),
        (json.dumps({**LINE, "outputs": {}}), "line 2: answer has the outputs answer, the trace none"),
        (json.dumps({**LINE, "outputs": {"answer": 3}}), "line 2: answer must be text but got 3"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps(LINE) + "\n" + line + "\n")
    with pytest.raises(DataError, match=says):
        read_traces(tmp_path / "t.jsonl", SIGNATURES)


def test_an_empty_file_and_a_folder_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("\n")
    with pytest.raises(DataError, match="holds no traces"):
        read_traces(tmp_path / "t.jsonl", SIGNATURES)
    with pytest.raises(DataError, match="--traces"):
        read_traces(tmp_path, SIGNATURES)
    with pytest.raises(DataError, match="cannot be written"):
        write_traces(tmp_path, [Trace.model_validate(LINE)])


def test_demos_leave_the_rationale_out_and_rationales_keep_it_in_front() -> None:
    traces = [Trace.model_validate(LINE | {"sample": sample}) for sample in (0, 1)]
    (demo,) = demos_of_traces(traces, "answer", QA)
    assert list(demo.outputs) == ["answer"]
    (rationale,) = rationales_of(traces, "answer", QA)
    assert list(rationale.outputs) == ["reasoning", "answer"]
    assert demos_of_traces(traces, "find", QA) == ()
