"""`list`, `new`, `cache`, `models` and `doctor` tell of what is there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from ollama_server import OllamaServer
from openai_server import OpenAIServer
from recording_server import RecordingServer

from cribsheet.cli import doctor
from cribsheet.layout.catalogue import LAYOUTS

Run = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]

GGUF = b"GGUF" + bytes(60)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for weights."""
    monkeypatch.setenv("CRIBSHEET_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


# list


def test_list_names_tasks_optimizers_layouts_and_frozen_files(run: Run, embedded: Path, folder: Path) -> None:
    (folder / "broken.prompt.json").write_text("{")
    (folder / "programs" / "syntax.py").write_text("def (")
    result = run("list")
    assert result.exit_code == 0
    assert f"Workspace {folder}" in result.stdout
    text = " ".join(result.stdout.split())
    assert "toy A toy. workspace" in text
    assert "grounded_qa Grounded question answering with abstention. built in" in text
    assert "syntax cannot be read: invalid syntax" in text
    assert "zero_shot" in text
    assert all(layout.name in text for layout in LAYOUTS)
    assert "embedded.prompt.json toy for embedded/smollm2-135m, 0.900 (0.800 to 0.950)" in text
    assert "broken.prompt.json broken.prompt.json is not valid JSON" in text
    assert max(map(len, result.stdout.splitlines()[1:])) <= 80


def test_list_gives_machines_the_same(run: Run, embedded: Path, folder: Path) -> None:
    summary = json.loads(run("list", "--json").stdout)
    assert summary["workspace"] == str(folder)
    assert {"name": "toy", "about": "A toy.", "from": "workspace", "path": f"{folder}/programs/toy.py"} in summary[
        "tasks"
    ]
    assert {row["name"] for row in summary["optimizers"]} >= {"race", "labeled", "zero_shot"}
    assert summary["files"][0]["compiled"]["score"] == 0.9


# new


def test_new_makes_a_workspace_whose_next_steps_work(
    run: Run, start: Start, folder: Path, server: OllamaServer
) -> None:
    result = run("new", "mine")
    assert result.exit_code == 0
    _follow(result.stdout, folder)
    rows = [{"message": f"Pipe {number} {word}.", "urgency": when} for number in range(20) for word, when in _TIMES]
    (folder / "mine" / "trainsets" / "urgency.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ("--model", "ollama_chat/smollm", "--api-base", server.url, "--budget", "200calls", "--go-on")
    process = start("optimize", "urgency", *options, "--optimizer", "zero_shot", cwd=folder / "mine")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (folder / "mine" / "urgency.prompt.json").is_file()


def test_new_and_the_readme_show_the_same_example(run: Run) -> None:
    told = "\n".join(line.removeprefix("     ") for line in run("new", "mine").stdout.splitlines())
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:python|json)\n(?:# programs/urgency\.py\n)?(.*?)```", readme, re.DOTALL)
    assert len(blocks) >= 3
    for code in blocks[:2]:
        assert code in told
    assert "at least 40 rows" in told
    assert "at least 40 rows" in readme
    for line in (
        "optimize urgency",
        'cribsheet ask urgency.prompt.json --message "The press is calling in ten minutes."',
    ):
        assert line in told
        assert line in readme


def test_frozen_files_of_a_new_workspace_can_be_committed(run: Run, folder: Path) -> None:
    run("new", "mine")
    assert "prompt.json" not in (folder / "mine" / ".gitignore").read_text()


def test_new_leaves_a_folder_with_content_alone(run: Run) -> None:
    result = run("new", "programs")
    assert result.exit_code == 1
    assert "programs is not empty" in result.stderr


_TIMES = (("has burst", "now"), ("may want paint", "later"))


def _follow(steps: str, folder: Path) -> None:
    """Write the modules that the steps show."""
    path, code = None, list[str]()
    for line in [*steps.splitlines(), "."]:
        if line and not line.startswith("     "):
            if path:
                path.write_text("\n".join(code))
            path, code = (folder / line.rstrip(":").split(", ")[-1] if line.endswith(".py:") else None), []
        else:
            code.append(line[5:])


# cache


def test_the_cache_is_shown_and_cleared(run: Run, served: Path, folder: Path) -> None:
    run("evaluate", served, "--data", "toy.jsonl", "--limit", 5)
    shown = json.loads(run("cache", "show", "--json").stdout)
    assert shown["directory"] == str(folder / "cache")
    assert shown["entries"] >= 5
    assert shown["bytes"] > 0
    assert str(shown["entries"]) in run("cache").stdout
    kept = run("cache", "clear", input="n\n")
    assert kept.exit_code == 1
    assert json.loads(run("cache", "show", "--json").stdout) == shown
    assert f"Removed {shown['entries']} entries" in run("cache", "clear", "--yes").stdout
    assert json.loads(run("cache", "show", "--json").stdout)["entries"] == 0


def test_looking_at_a_cache_that_is_not_there_makes_none(run: Run, folder: Path) -> None:
    (folder / "cache").rmdir()
    assert json.loads(run("cache", "show", "--json").stdout)["entries"] == 0
    assert not (folder / "cache").exists()


# models


def test_models_lists_what_is_known_and_what_is_on_disk(run: Run, models: Path, folder: Path) -> None:
    models.mkdir()
    (models / "other.gguf").write_bytes(GGUF)
    listed = json.loads(run("models", "list", "--json").stdout)
    assert listed["directory"] == str(models)
    rows = {row["model"]: row for row in listed["models"]}
    assert rows["embedded/smollm2-135m"]["licence"] == "Apache-2.0"
    assert rows["embedded/smollm2-135m"]["path"] is None
    assert rows["embedded/other"]["bytes"] == len(GGUF)
    table = run("models").stdout
    assert "embedded/smollm2-135m" in table
    assert max(map(len, table.splitlines()[:-1])) <= 80


def test_a_file_is_taken_over_by_pull(run: Run, models: Path, folder: Path) -> None:
    (folder / "mine.gguf").write_bytes(GGUF)
    result = run("models", "pull", "mine.gguf")
    assert result.exit_code == 0
    assert result.stdout == f"embedded/mine is at {models / 'mine.gguf'}.\n"


def test_models_path_prints_where_weights_are_and_nothing_else(run: Run, models: Path, folder: Path) -> None:
    models.mkdir()
    (models / "mine.gguf").write_bytes(GGUF)
    result = run("models", "path", "embedded/mine")
    assert (result.exit_code, result.stdout) == (0, f"{models / 'mine.gguf'}\n")
    result = run("models", "path", "smollm2-135m")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "which has mine. Run `cribsheet models pull smollm2-135m`." in result.stderr


def test_what_cannot_be_pulled_is_a_failure_that_names_the_known(run: Run, models: Path, folder: Path) -> None:
    result = run("models", "pull", "gpt-9")
    assert result.exit_code == 1
    assert "Known names are smollm2-135m" in result.stderr
    (folder / "text.gguf").write_text("not weights")
    result = run("models", "pull", "text.gguf")
    assert result.exit_code == 1
    assert "not a GGUF file" in result.stderr


# doctor


def test_doctor_names_what_is_missing_with_what_mends_it(
    run: Run, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "http://127.0.0.1:9")
    result = run("doctor")
    assert result.exit_code == 0
    assert "embedded weights: Run `cribsheet models pull smollm2-135m`" in result.stdout
    text = " ".join(result.stdout.split())
    assert "ollama server: Nothing answers at http://127.0.0.1:9. Start Ollama with `ollama serve`" in text
    assert text.count("ollama serve`") == 1
    assert not re.search(r"\b1 cores", text)


def test_doctor_finds_ollama_and_its_models(
    run: Run, server: OllamaServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    report = json.loads(run("doctor", "--json").stdout)
    assert report["ok"] is True
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["ollama server"]["found"] == f"{server.url}, smollm:latest"
    assert checks["ollama server"]["mend"] is None
    assert checks["workspace"]["found"] == str(folder)
    assert checks["cache"]["ok"]
    assert {"python", "dspy", "litellm", "xllamacpp", "disk"} <= set(checks)
    assert checks["dspy"]["essential"]
    assert not checks["xllamacpp"]["essential"]


class LlamaServer(RecordingServer):
    """Tells its properties, as llama-server does."""

    def answer(self, method: str, path: str, body: dict[str, object]) -> tuple[int, object]:
        return (200, {"default_generation_settings": {}, "model_alias": "smollm"}) if path == "/props" else (404, "")


def test_doctor_finds_a_llama_server_and_says_how_to_name_it() -> None:
    with LlamaServer() as server, OpenAIServer() as other:
        ports = [int(one.url.rpartition(":")[2]) for one in (other, server)]
        found = doctor._llama_server(ports)
        assert found.found == f"smollm at {server.url}: --model openai/NAME --api-base {server.url}/v1"
        assert doctor._llama_server(ports[:1]).found.startswith(f"none at the ports {ports[0]} of this machine")
    assert doctor._LLAMA_PORTS[0] == 9931


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the engine uses GNU's OpenMP on Linux alone")
@pytest.mark.parametrize(
    ("variables", "found", "is_well"),
    [
        ({}, "OpenMP was loaded without GOMP_SPINCOUNT", False),
        ({"OMP_WAIT_POLICY": "passive"}, "OMP_WAIT_POLICY=passive", True),
    ],
)
def test_doctor_tells_how_the_engines_threads_wait(variables: dict[str, str], found: str, is_well: bool) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    script = "import ctypes; ctypes.CDLL('libgomp.so.1'); from cribsheet.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "doctor", "--json"],
        capture_output=True,
        text=True,
        env=kept | variables,
        check=False,
    )
    check = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "engine threads")
    assert check["found"].endswith(found)
    assert check["ok"] is is_well
    assert ("GOMP_SPINCOUNT=1000" in (check["mend"] or "")) is not is_well
