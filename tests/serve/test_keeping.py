"""Calls are kept if asked, redacted by a hook, in files of a limited size."""

import json
import logging
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_server import CompiledServer, wait_until

from cribsheet.errors import ServeError
from cribsheet.serve.keeping import hook_named


def kept(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def ask(server: CompiledServer, *texts: str) -> None:
    for text in texts:
        assert server.post("/v1/programs/toy", {"inputs": {"text": text}}).status_code == 200


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module of hooks, in which the test runs."""
    (tmp_path / "privacy.py").write_text(
        "def redact(call):\n"
        "    if 'drop' in call['inputs']['text']:\n        return None\n"
        "    if 'fail' in call['inputs']['text']:\n        raise ValueError(call['inputs']['text'])\n"
        "    return call | {'inputs': {'text': call['inputs']['text'].replace('s3cret', '*')}}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_call_is_kept_with_what_a_reviewer_needs(serve: Callable[..., CompiledServer], tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    server = serve(keep=file)
    ask(server, "A lovely film.")
    server.post("/v1/chat/completions", {"model": "toy", "messages": [{"role": "user", "content": "boring Köln"}]})
    server.post("/v1/programs/toy:batch", {"inputs": [{"text": "a"}, {"text": "b"}]})
    server.post("/v1/programs/toy", {"inputs": {"text": 7}})
    wait_until(lambda: len(kept(file)) == 4)
    first, second, *_ = kept(file)
    assert (first["program"], first["inputs"]) == ("toy", {"text": "A lovely film."})
    assert (first["outputs"], first["probability"]) == ({"sentiment": "positive"}, None)
    assert second["inputs"] == {"text": "boring Köln"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_hook_changes_and_drops_calls(
    serve: Callable[..., CompiledServer], hooks: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = hooks / "calls.jsonl"
    server = serve(keep=file, redact="privacy:redact")
    ask(server, "a s3cret film", "drop s3cret", "fail s3cret", "fail s3cret", "the end")
    wait_until(lambda: len(kept(file)) == 2)
    assert [call["inputs"]["text"] for call in kept(file)] == ["a * film", "the end"]  # type: ignore[index]
    assert caplog.text.count("calls are not kept: ValueError at ") == 1
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    "returned",
    ["'text'", "[call]", "True", "{'program': 'toy'}", "call | {'user': 'me'}", "call | {'inputs': {'text': 3}}"],
)
def test_what_no_review_could_read_is_not_kept(
    serve: Callable[..., CompiledServer], hooks: Path, caplog: pytest.LogCaptureFixture, returned: str
) -> None:
    (hooks / "odd.py").write_text(f"def redact(call):\n    return {returned} if 'odd' in str(call) else call\n")
    sys.modules.pop("odd", None)
    file = hooks / "calls.jsonl"
    server = serve(keep=file, redact="odd:redact")
    ask(server, "odd one", "odd two", "the end")
    wait_until(lambda: len(kept(file)) == 1)
    assert kept(file)[0]["inputs"] == {"text": "the end"}
    assert caplog.text.count("calls are not kept: what --redact returned does not have the form") == 1
    assert "odd one" not in caplog.text


def test_a_hook_that_exits_is_told_too(
    serve: Callable[..., CompiledServer], hooks: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (hooks / "leaving.py").write_text("import sys\n\ndef redact(call):\n    sys.exit(3)\n")
    server = serve(keep=hooks / "calls.jsonl", redact="leaving:redact")
    ask(server, "a film")
    wait_until(lambda: "calls are not kept: SystemExit at " in caplog.text)


def test_a_call_after_a_line_that_was_cut_off_has_a_line_of_its_own(
    serve: Callable[..., CompiledServer], tmp_path: Path
) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text('{"program": "toy", "inp')
    ask(serve(keep=file), "a film")
    wait_until(lambda: "a film" in file.read_text())
    assert json.loads(file.read_text().splitlines()[1])["inputs"] == {"text": "a film"}


def test_a_full_file_is_renamed(serve: Callable[..., CompiledServer], tmp_path: Path) -> None:
    file = tmp_path / "calls.jsonl"
    server = serve(keep=file, keep_bytes=1000)
    ask(server, *(f"film {number}" for number in range(9)))
    wait_until(lambda: "film 8" in file.read_text())
    old = file.with_name("calls.jsonl.1")
    assert max(file.stat().st_size, old.stat().st_size) <= 1000
    assert kept(old)[-1]["inputs"] != kept(file)[-1]["inputs"]


@pytest.mark.parametrize("name", ["privacy", "privacy:nix", ":redact", "nix:redact", ""])
def test_a_name_that_leads_to_no_hook_is_told(hooks: Path, name: str) -> None:
    with pytest.raises(ServeError, match="--redact"):
        hook_named(name)


def test_a_file_that_cannot_be_written_stops_the_start(serve: Callable[..., CompiledServer], tmp_path: Path) -> None:
    with pytest.raises(ServeError, match="cannot be written"):
        serve(keep=tmp_path / "nix" / "calls.jsonl")
