"""The wheel carries the built-in workspace."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([*command], cwd=cwd, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_empty_environment_outside_the_repository_lists_the_shipped_tasks(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, cwd=ROOT)
    (wheel,) = tmp_path.glob("cribsheet-*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    programs = tmp_path / "env" / "bin"
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    listed = run(programs / "cribsheet", "list", cwd=tmp_path)
    for name in ("grounded_qa", "sentiment", "stars", "topic", "race", "labeled", "zero_shot"):
        assert name in listed
    where = (
        "import cribsheet.workspace as w; b = w.builtin(); print(b.root, b.trainset(b.task('sentiment')[1].trainset))"
    )
    assert str(ROOT) not in run(programs / "python", "-c", where, cwd=tmp_path)
