"""Read or write frozen files, each sealed by a hash so that an edited file is refused."""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cribsheet.errors import CribsheetError, FrozenFileError
from cribsheet.frozen.consistency import misfits
from cribsheet.frozen.schema import FORMAT, FrozenProgram
from cribsheet.text import shortened

ENDING = ".prompt.json"
"""What the name of a frozen file usually ends in."""
SEAL = "sha256"
"""The key under which a file stores its hash."""


def seal_of(content: dict[str, Any]) -> str:
    """Return the sha256 of a file's canonical form: sorted keys, no white space, without the hash itself.

    >>> seal_of({"b": 1, "a": 2}) == seal_of({"a": 2, "b": 1, "sha256": "…"})
    True
    """
    unsealed = {key: value for key, value in content.items() if key != SEAL}
    canonical = json.dumps(unsealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def to_text(program: FrozenProgram) -> str:
    """Return the text of a program's sealed file; the same program always gives the same bytes."""
    return _sealed(program.model_dump(mode="json", by_alias=True))


def save(program: FrozenProgram, path: str | os.PathLike[str]) -> None:
    """Write a program's sealed file atomically: after a failure, the old file is still there."""
    write_text(Path(path), to_text(program))


def read(path: str | os.PathLike[str]) -> FrozenProgram:
    """Return the program of a sealed file.

    Raises:
        FrozenFileError: if it is missing, truncated, edited, or of a newer format.
    """
    path = Path(path)
    content = _content(path)
    if content.get(SEAL) != seal_of(content):
        raise FrozenFileError(
            f"{path} was edited after it was sealed: its sha256 is {seal_of(content)[:12]}… but the file says "
            f"{str(content.get(SEAL))[:12]}…. Compile again, or accept the edit with `cribsheet seal {path}`."
        )
    return _program(path, content)


def reseal(path: str | os.PathLike[str]) -> FrozenProgram:
    """Accept an edited file: check that it is a valid frozen file, then update its hash."""
    path = Path(path)
    content = _content(path)
    program = _program(path, content)
    write_text(path, _sealed(content))
    return program


def _sealed(content: dict[str, Any]) -> str:
    return json.dumps({**content, SEAL: seal_of(content)}, indent=2, ensure_ascii=False) + "\n"


def _instead_of(path: Path) -> str:
    """Say what to do about a file that is not there."""
    meant = path.with_name(f"{path.name}{ENDING}")
    return f"Did you mean {meant}?" if meant.is_file() else f"Create it with `optimize TASK --out {path}`."


def _content(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FrozenFileError(f"There is no file {path}. {_instead_of(path)}") from None
    except (OSError, ValueError) as error:  # a path with a NUL character is a ValueError
        raise FrozenFileError(f"{path} cannot be read: {error}. Name a frozen file (*.prompt.json).") from None
    try:
        content = json.loads(data)  # UTF-8, or UTF-16 as some editors save it, with a BOM or without
        json.dumps(content, ensure_ascii=False).encode()  # fails on half a surrogate pair, which would crash later
    except UnicodeDecodeError as error:
        raise FrozenFileError(f"{path} cannot be read: {error}. Name a frozen file (*.prompt.json).") from None
    except (ValueError, RecursionError) as error:
        if not (path.name.endswith(ENDING) or _begins_as_frozen(data)):
            raise FrozenFileError(f"{path} is not a frozen file. Name a *.prompt.json file.") from None
        raise FrozenFileError(
            f"{path} is not valid JSON: {error}. It may be truncated; copy it again or compile again."
        ) from None
    if not isinstance(content, dict) or "format" not in content:
        raise FrozenFileError(f"{path} is JSON but not a frozen file: it has no 'format'. Name a *.prompt.json file.")
    return content


def _begins_as_frozen(data: bytes) -> bool:
    """Tell whether bytes that are not JSON may be a damaged frozen file, and not a file of another kind."""
    text = data.decode(json.detect_encoding(data), "replace").lstrip("\ufeff \t\r\n")
    return text.startswith("{") and '"format"' in text


def _program(path: Path, content: dict[str, Any]) -> FrozenProgram:
    version = content["format"]
    if isinstance(version, int) and version < FORMAT:
        raise FrozenFileError(
            f"{path} has format {shortened(str(version))}, and this version of Cribsheet reads format {FORMAT} only. "
            "Compile the task again: `optimize TASK`."
        )
    if isinstance(version, int) and version > FORMAT:
        raise FrozenFileError(
            f"{path} has format {shortened(str(version))}, and this version of Cribsheet reads format {FORMAT}. "
            "Upgrade with `pip install -U cribsheet`."
        )
    try:
        program = FrozenProgram.model_validate({key: value for key, value in content.items() if key != SEAL})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FrozenFileError(
            f"{path} is not a frozen file: {shortened(where)}: {first['msg']}. Compile again."
        ) from None
    except CribsheetError as error:
        raise FrozenFileError(f"{path} is not a frozen file: {error}") from None
    if misfit := next(misfits(program), ""):
        raise FrozenFileError(f"{path} has parts that do not fit together: {misfit}. Correct it, or compile again.")
    return program


def check_not_read_only(path: Path) -> None:
    """Raise a FrozenFileError if the path is a file without write permission, which a replacement would ignore."""
    if path.exists() and not os.access(path, os.W_OK):
        raise FrozenFileError(
            f"{path} is read-only; refusing to overwrite it. Make it writable, or choose another place with --out."
        )


def write_text(path: Path, text: str) -> None:
    """Write a file atomically, also through a symbolic link.

    Raises:
        FrozenFileError: it cannot be written, or the path is something else than a file, such as a device.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise FrozenFileError(f"{path} is no regular file, and would be replaced. Choose another place with --out.")
    check_not_read_only(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise FrozenFileError(f"{path} cannot be written: {error}. Choose another place with --out.") from None
