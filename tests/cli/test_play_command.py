"""`cribsheet play` checks its options, and serves the page."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result

Run = Callable[..., Result]


def test_one_file_for_the_rows_of_several_programs_is_refused(run: Run, served: Path, served_qa: Path) -> None:
    result = run("play", served, served_qa, "--rows", "rows.jsonl")
    assert result.exit_code == 2
    assert "--rows is one file" in result.stderr


def test_without_its_packages_it_names_the_extra(run: Run, served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith(("starlette", "cribsheet.serve"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "starlette", None)
    result = run("play", served)
    assert result.exit_code == 1
    assert "play needs a package that cannot be imported" in result.stderr


@pytest.mark.slow
def test_it_serves_the_page_until_ctrl_c_and_keeps_rows_where_told(folder: Path, served: Path) -> None:
    command = [sys.executable, "-m", "cribsheet", "play", str(served), "--port", "0", "--rows", "mine.jsonl"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stderr
    found = re.search(r"http://\S+", process.stderr.readline())
    assert found
    with httpx.Client(base_url=found[0], trust_env=False) as client:
        assert "Cribsheet" in client.get("/").text
        body = {"inputs": {"text": "A joy."}, "outputs": {"sentiment": "positive"}}
        assert client.post("/play/programs/served/rows", json=body).json()["count"] == 1
        told = client.post("/play/programs/served/ask", json={"way": "compiled", "inputs": {"text": "A joy."}}).json()
        assert told["outputs"] == {"sentiment": "positive"}
    process.send_signal(signal.SIGINT)
    log = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "A joy" not in log
    assert Path("mine.jsonl").read_text() == '{"text": "A joy.", "sentiment": "positive"}\n'
