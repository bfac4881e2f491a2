"""Find the Parquet files of a split in a folder that was downloaded from the Hugging Face Hub."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cribsheet.errors import DataError

PARQUET = frozenset({".parquet", ".pq"})
"""The endings of Parquet files."""
_SHARD = re.compile(r"(?P<split>.+)-(?P<number>\d+)-of-(?P<count>\d+)")
_NUMBERED = re.compile(r"\d+")
_MOST = 12


class Shard(NamedTuple):
    """One file of a split."""

    path: Path
    number: int
    """Its position, counted from 0."""
    total: int
    """How many files the split has; 0 if the name does not tell."""


def shards_of(path: Path) -> Sequence[Path] | None:
    """Return the Parquet files of a folder's only split, or of the split that a path names, in order.

    A split is named as if it were a file: `FOLDER/data/train`, or `FOLDER/train`, for the files
    `FOLDER/data/train-00000-of-00002.parquet` and so on. Return None if there are none.

    Raises:
        DataError: there are several splits, or a file of the split is missing.
    """
    if path.is_dir():
        splits = _splits(path)
    else:
        among = _splits(path.parent) if path.parent.is_dir() else {}
        splits = {name: shards for name, shards in among.items() if name.name == path.name}
        splits = {path: splits[path]} if path in splits else splits
    if not splits:
        return None
    if len(splits) > 1:
        names = [str(name) for name in sorted(splits)]
        more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
        raise DataError(f"{path} holds several splits. Name one of them: {', '.join(names[:_MOST])}{more}.")
    ((name, shards),) = splits.items()
    return _complete(name, shards)


def _splits(folder: Path) -> dict[Path, list[Shard]]:
    """Return the shards in a folder and those below, by the path that names their split."""
    found: dict[Path, list[Shard]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PARQUET and path.is_file():
            if named := _SHARD.fullmatch(path.stem):
                split, shard = path.with_name(named["split"]), Shard(path, int(named["number"]), int(named["count"]))
            elif _NUMBERED.fullmatch(path.stem):  # the Hub's own copies: default/train/0000.parquet
                split, shard = path.parent, Shard(path, int(path.stem), 0)
            else:
                split, shard = path.with_suffix(""), Shard(path, 0, 1)
            found.setdefault(split, []).append(shard)
    return found


def _complete(name: Path, shards: Sequence[Shard]) -> Sequence[Path]:
    ordered = sorted(shards, key=lambda shard: shard.number)
    numbers = [shard.number for shard in ordered]
    count = max(*(shard.total for shard in ordered), numbers[-1] + 1)
    if missing := sorted(set(range(count)) - set(numbers)):
        raise DataError(
            f"{name} has {count} files, of which {len(missing)} {'is' if len(missing) == 1 else 'are'} missing: number "
            f"{missing[0]}, counted from 0. Download the missing files, or name one of the files that are there."
        )
    if len(numbers) != count:
        raise DataError(f"{name} has files with the same number: {_twice(ordered)}. Keep one of them.")
    return [shard.path for shard in ordered]


def _twice(ordered: Sequence[Shard]) -> str:
    pairs = pairwise(ordered)
    return next(f"{one.path.name}, {other.path.name}" for one, other in pairs if one.number == other.number)
