"""Run exported modules as their users do."""

import importlib.util
import itertools
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from cribsheet.export import export
from cribsheet.frozen import FrozenProgram

_NUMBERS = itertools.count()
PYTHONS = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python"))
"""Other Pythons of this machine, if it has any."""


def write_module(program: FrozenProgram, folder: Path) -> Path:
    """Export a program into a folder."""
    exported = export(program, "python")
    path = folder / exported.file_name
    path.write_text(exported.text, encoding="utf-8")
    return path


def load_module(path: Path) -> ModuleType:
    """Import a module from its file, under a name of its own."""
    name = f"{path.stem}_{next(_NUMBERS)}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run_module(
    path: Path, *arguments: str, given: str | bytes = "", python: str = sys.executable, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a module as a command, with no package on its path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OPENAI", "OLLAMA"))}
    data = given.encode() if isinstance(given, str) else given
    done = subprocess.run(
        [python, "-I", "-X", "utf8", str(path), *arguments],
        input=data,
        capture_output=True,
        env=kept | variables,
        timeout=120,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def python_of(minor: int) -> str | None:
    """Return a Python 3 of this minor version; None if there is none on this machine."""
    found = [path for path in PYTHONS if path.parts[-3].startswith(f"3.{minor}.")]
    return str(found[0]) if found else None
