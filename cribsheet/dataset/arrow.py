"""Read rows from Parquet files, and from folders that `datasets.Dataset.save_to_disk` writes.

Both need pyarrow, which is an extra.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from cribsheet.dataset.formats import RawRow
from cribsheet.dataset.given import plain_value
from cribsheet.dataset.names import doubled, plain_name
from cribsheet.dataset.shards import shards_of
from cribsheet.errors import DataError, told

_STATE, _INFO, _SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"
"""The files in which `datasets` says what a folder holds."""
_MOST = 12

Classes = Mapping[str, Sequence[str]]
"""The names of the classes, by the column that holds their numbers."""


class Columns(NamedTuple):
    """The columns to look for."""

    wanted: Collection[str]
    mapped: Collection[str]
    """Those that the user named in a mapping."""


def read_parquet(path: Path, columns: Columns) -> tuple[Iterator[RawRow], Classes]:
    """Return the rows of a Parquet file, and the class names that the Hugging Face Hub stores in it.

    Raises:
        DataError: if it cannot be read, or pyarrow is not installed.
    """
    file = _opened(path, lambda: _pyarrow("pyarrow.parquet", path).ParquetFile(path))
    told_by_hub = (file.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
    info = _json(told_by_hub, path).get("info")
    return _rows(path, file.iter_batches, columns), _classes(info if isinstance(info, dict) else {})


def read_shards(paths: Sequence[Path], columns: Columns) -> tuple[Iterator[RawRow], Classes]:
    """Return the rows of several Parquet files, one file after the other, and the class names in the first one.

    Raises:
        DataError: if one of them cannot be read, or pyarrow is not installed.
    """
    rows, classes = read_parquet(paths[0], columns)
    others = (row for path in paths[1:] for row in read_parquet(path, columns)[0])
    return chain(rows, others), classes


def read_folder(path: Path, columns: Columns) -> tuple[Iterator[RawRow], Classes]:
    """Return the rows of a folder that `save_to_disk` wrote or that holds Parquet files, and the names of its classes.

    Raises:
        DataError: if it is another folder, holds several splits, or cannot be read.
    """
    if (path / _SPLITS).is_file():
        path = _only_split(path)
    if not (path / _STATE).is_file():
        if shards := shards_of(path):
            return read_shards(shards, columns)
        raise DataError(f"{path} is a folder without rows that `datasets` saved. Name one of {_files(path)}.")
    state = _json((path / _STATE).read_bytes(), path / _STATE)
    if state.get("_indices_files") or state.get("_indices_data_files"):
        raise DataError(f"{path} has its rows in another order than its files. Save it after `.flatten_indices()`.")
    files = [path / str(one.get("filename")) for one in state.get("_data_files", []) if isinstance(one, dict)]
    info = _json((path / _INFO).read_bytes(), path / _INFO) if (path / _INFO).is_file() else {}
    return _rows(path, partial(_arrow_batches, files), columns), _classes(info)


def _only_split(path: Path) -> Path:
    splits = _json((path / _SPLITS).read_bytes(), path / _SPLITS).get("splits")
    names = [name for name in splits if isinstance(name, str)] if isinstance(splits, list) else []
    if len(names) != 1:
        told_names = ", ".join(str(path / name) for name in names) or "none"
        raise DataError(f"{path} holds several splits. Name one of these folders: {told_names}.")
    return path / names[0]


def _files(path: Path) -> str:
    """Return some files of a folder for a message."""
    names = sorted(one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file())
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"its files: {', '.join(names[:_MOST])}{more}" if names else "the files of another folder: this one is empty"


def _rows(path: Path, batches: Callable[[], Iterator[Any]], columns: Columns) -> Iterator[RawRow]:
    number = 0
    remaining = _opened(path, lambda: iter(batches()))
    while (batch := _opened(path, lambda: next(remaining, None))) is not None:
        names = [plain_name(name) for name in batch.schema.names]
        _check_names(path, names, columns)
        values = [_opened(path, partial(_cells, column)) for column in batch.columns]
        for cells in zip(*values, strict=True):
            number += 1
            where = f"{path}, row {number}"
            named = {name: _plain(cell, where) for name, cell in zip(names, cells, strict=True)}
            yield RawRow(where, named, is_table=True)


def _cells(column: Any) -> list[Any]:
    """Return the values of a column, with maps as dicts. A map that has a key twice is an error."""
    try:
        return list(column.to_pylist(maps_as_pydicts="strict"))
    except TypeError:  # older releases of pyarrow give maps as lists of pairs
        return list(column.to_pylist())


def _check_names(path: Path, names: Sequence[str], columns: Columns) -> None:
    name, alike = doubled(names, columns.wanted, columns.mapped)
    if alike:
        raise DataError(f"{path} has the column {name!r} {len(alike)} times. Keep one of them, or rename the others.")


def _plain(value: object, where: str) -> object:
    try:
        return plain_value(value)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: a value cannot be read: {error}. Correct it there.") from None


def _arrow_batches(files: Sequence[Path]) -> Iterator[Any]:
    for path in files:
        arrow, ipc = _pyarrow("pyarrow", path), _pyarrow("pyarrow.ipc", path)
        with arrow.memory_map(str(path)) as source:
            yield from ipc.open_stream(source)


def _opened(path: Path, read: Callable[[], Any]) -> Any:
    """Return what a call into pyarrow returns; DataError if it raises."""
    try:
        return read()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {error.filename or path}. Check the path given as the trainset.") from None
    except (DataError, KeyboardInterrupt):
        raise
    except Exception as error:  # noqa: BLE001 - pyarrow raises errors of many kinds, and decodes bytes that are anyone's
        reason = " ".join(told(error).split()).rstrip(".")
        raise DataError(f"{path} cannot be read: {reason}. Write it again, or export it as JSONL.") from None


def _pyarrow(module: str, path: Path) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(
            f"{path} is read with the package pyarrow, which cannot be imported ({error}). Install it with the extra "
            "`parquet`: pip install 'cribsheet[parquet]'. Or export the rows as JSONL."
        ) from None


def _json(data: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise DataError(f"{path} does not hold the JSON object that `datasets` writes. Save the rows again.")
    return value


def _classes(info: Mapping[str, Any]) -> Classes:
    """Return the class names of each column that is a `ClassLabel`, or a list of them."""
    features = info.get("features")
    if not isinstance(features, dict):
        return {}
    # The `feature` of a list describes its items.
    classes = {column: one.get("feature", one) for column, one in features.items() if isinstance(one, dict)}
    names = {column: one.get("names") for column, one in classes.items() if isinstance(one, dict)}
    return {plain_name(column): list(map(str, known)) for column, known in names.items() if isinstance(known, list)}
