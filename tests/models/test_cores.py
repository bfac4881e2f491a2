"""An engine has as many threads as it may run, and they leave the cores to others while they wait."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cribsheet.models.cores import engine_threads, usable_cores
from tiny_gguf import tiny_gguf

BOUND = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
TOLD = "from cribsheet.models.cores import engine_threads, usable_cores; print(usable_cores(), engine_threads())"
OPENS = """
from cribsheet.models import Sampling
from cribsheet.models.embedded import EmbeddedModel
from cribsheet.prompts import Prompt
for _ in range(2):
    EmbeddedModel("embedded/tiny", path={path!r}).complete(Prompt(text="Hi"), Sampling(max_tokens=1))
"""
LOADS = "import ctypes; ctypes.CDLL('libgomp.so.1')\n"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the engine uses GNU's OpenMP on Linux alone")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf("attention", tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def run(script: str, **variables: str) -> str:
    """Return what a new process prints, whose OpenMP shows what it reads from the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**kept, **variables}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_it_chooses_itself_where_it_may_use_the_whole_machine() -> None:
    if usable_cores() < (os.cpu_count() or 1):
        pytest.skip("these tests are bound to some of the cores")
    assert engine_threads() is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to cores here")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core")
def test_it_has_one_where_it_is_bound_to_one_core() -> None:
    told = subprocess.run([sys.executable, "-c", BOUND + TOLD], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["1", "1"]


@ON_LINUX
@pytest.mark.model
def test_threads_that_wait_soon_sleep(tiny: Path) -> None:
    shown = run(OPENS.format(path=str(tiny)), OMP_DISPLAY_ENV="verbose")
    assert "GOMP_SPINCOUNT = '1000'" in shown
    assert "Warning" not in shown


@ON_LINUX
@pytest.mark.model
@pytest.mark.parametrize(
    ("name", "value", "shown"), [("GOMP_SPINCOUNT", "7", "'7'"), ("OMP_WAIT_POLICY", "passive", "'0'")]
)
def test_what_the_user_has_set_is_kept(tiny: Path, name: str, value: str, shown: str) -> None:
    told = run(OPENS.format(path=str(tiny)), OMP_DISPLAY_ENV="verbose", **{name: value})
    assert f"GOMP_SPINCOUNT = {shown}" in told
    assert "Warning" not in told


@ON_LINUX
@pytest.mark.model
def test_a_library_that_loaded_openmp_before_is_told_of_once(tiny: Path) -> None:
    told = run(LOADS + OPENS.format(path=str(tiny)))
    assert told.count("Set GOMP_SPINCOUNT=1000 in the environment before you start Python") == 1
    assert "Warning" not in run(LOADS + OPENS.format(path=str(tiny)), GOMP_SPINCOUNT="1000")


@pytest.mark.slow
@ON_LINUX
def test_nothing_that_is_imported_before_the_engine_loads_openmp() -> None:
    imports = "import cribsheet.compiler.compile, cribsheet.models.embedded, numpy\n"
    told = "from cribsheet.models.cores import is_openmp_loaded; print(is_openmp_loaded())"
    assert run(imports + told).split() == ["False"]
    assert run(LOADS + told).split() == ["True"]
