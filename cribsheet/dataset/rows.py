"""Read the rows of a trainset from a file or from Python objects.

`docs/rows.md` describes the formats.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cribsheet.dataset.arrow import Classes, Columns, read_folder, read_parquet, read_shards
from cribsheet.dataset.columns import checked_mapping, columns_of
from cribsheet.dataset.decoding import decoded
from cribsheet.dataset.examples import Row
from cribsheet.dataset.fitting import Fitting
from cribsheet.dataset.formats import READERS, FileText, RawRow
from cribsheet.dataset.formats.squad import content_hash, unpacked
from cribsheet.dataset.given import class_names, given_rows
from cribsheet.dataset.labels import checked_labels
from cribsheet.dataset.sampling import ALL, Taken
from cribsheet.dataset.shards import PARQUET, shards_of
from cribsheet.dataset.unpacking import PACKED, ending, read_bytes
from cribsheet.errors import DataError
from cribsheet.signature import Field, Signature

Rows = str | os.PathLike[str] | Iterable[Any]
"""A file of rows, or the rows themselves: a list of dicts, of dspy examples, or a `datasets.Dataset`."""


def load_rows(
    source: Rows,
    signature: Signature,
    *,
    mapping: Mapping[str, str] = {},
    optional: Collection[str] = (),
    allow_empty: bool = False,
    labels: Mapping[Any, str] = {},
    taken: Taken = ALL,
) -> list[Row]:
    """Return the rows of a file, or of an iterable of mappings, converted to the signature's types, in order.

    A file's extension tells its format. `mapping` is `{column: field}` for columns that are not named like their
    field. An output in `optional` may be missing if it is missing from all rows. A text may be empty only with
    `allow_empty`. `labels` is `{value: label}` for values that stand for labels, such as numbers. Of many rows, only
    those that `taken` says are checked and returned.

    Raises:
        DataError: if a row cannot be read or does not fit; the message names the line and what to do.
    """
    mapping = checked_mapping(mapping, signature)
    columns = columns_of(mapping, signature)
    read, classes = _raw_rows(source, columns, mapping)
    raws = [unpacked(raw, columns) for raw in taken.of(read)]
    if not raws:
        name = source if isinstance(source, str | os.PathLike) else "The trainset"
        raise DataError(f"{name} has no rows. Add some; docs/rows.md shows the formats.")
    signature = _without_missing(signature, raws, optional=optional, mapping=mapping)
    fitting = Fitting(
        signature,
        raws,
        mapping,
        classes={mapping.get(column, column): names for column, names in classes.items()},
        allow_empty=allow_empty,
        labels=checked_labels(labels, signature),
    )
    return _grouped([fitting.row(raw) for raw in raws], signature)


def _raw_rows(source: Rows, columns: frozenset[str], mapping: Mapping[str, str]) -> tuple[Iterable[RawRow], Classes]:
    """Return the rows before they are converted, and the names of classes that their columns hold as numbers."""
    if not isinstance(source, str | os.PathLike):
        return given_rows(source, columns, mapping), class_names(source)
    path, wanted = Path(source), Columns(columns, frozenset(mapping))
    if _is_folder(path):
        return read_folder(path, wanted)
    if path.suffix.lower() in PARQUET:
        return read_parquet(path, wanted)
    if not path.suffix and _is_missing(path) and (shards := shards_of(path)):
        return read_shards(shards, wanted)
    text = _read_text(path)
    reader = READERS.get(ending(path))
    if reader is None:
        *others, last = (f"*{ending}" for ending in (*READERS, *sorted(PARQUET)))
        raise DataError(
            f"{path} has the extension {path.suffix!r}, which is not a known format. "
            f"Name it {', '.join(others)} or {last}, or with {PACKED} behind if it is packed."
        )
    return reader(FileText(text, str(path), columns, frozenset(mapping))), {}


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except (OSError, ValueError):
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that is too long, or has a NUL character
        return False


def _without_missing(
    signature: Signature, raws: Sequence[RawRow], *, optional: Collection[str], mapping: Mapping[str, str]
) -> Signature:
    """Return the signature without the optional outputs that no row has."""
    there = {mapping.get(column, column) for raw in raws for column in raw.values}
    return signature.without_outputs(name for name in optional if name not in there)


def _read_text(path: Path) -> str:
    text = decoded(read_bytes(path), str(path))
    if not text.strip("\ufeff \t\r\n\f\v"):
        raise DataError(f"{path} is empty. Add rows; docs/rows.md shows the formats.")
    return text


def _grouped(rows: list[Row], signature: Signature) -> list[Row]:
    """Give each row without a group one: rows with the same longest input share a group, else each row has its own.

    The longest input is the field with the most text, such as the context of a question.
    """

    def length(field: Field) -> int:
        return sum(len(str(row.inputs[field.name])) for row in rows)

    longest = max(signature.inputs, key=length).name
    texts = [str(row.inputs[longest]) for row in rows]
    shared = len(signature.inputs) > 1 and len(set(texts)) < len(texts)
    return [
        row if row.group else replace(row, group=content_hash(text) if shared else row.id)
        for row, text in zip(rows, texts, strict=True)
    ]
