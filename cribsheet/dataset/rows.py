"""Read the rows of a trainset from a file.

`docs/rows.md` describes the formats.
"""

import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cribsheet.dataset.examples import Row
from cribsheet.dataset.formats import GROUP, READERS, RawRow, content_hash
from cribsheet.errors import DataError
from cribsheet.outcomes import Unanswerable, Value
from cribsheet.signature import Field, Signature


def load_rows(
    path: str | os.PathLike[str],
    signature: Signature,
    *,
    mapping: Mapping[str, str] = {},
    optional: Collection[str] = (),
) -> list[Row]:
    """Return the rows of a JSONL, CSV or SQuAD JSON file, typed by the signature, in file order.

    The file's ending tells the format; `mapping` names the field that a column stands for. The `optional`
    outputs may be missing from all rows, which then do not have them.

    Raises:
        DataError: when a row cannot be read or does not fit, naming the line and what to do.
    """
    path = Path(path)
    _check_mapping(mapping, signature)
    text = _read_text(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path} ends in {path.suffix!r}, which tells no format. Name it *.jsonl, *.csv or *.json (SQuAD)."
        )
    raws = list(reader(text, str(path)))
    signature = _without_missing(signature, raws, optional=optional, mapping=mapping)
    rows = [_to_row(raw, signature, mapping=mapping) for raw in raws]
    if not rows:
        raise DataError(f"{path} has no rows. Give it some; docs/rows.md shows the formats.")
    return _grouped(rows, signature)


def _without_missing(
    signature: Signature, raws: Sequence[RawRow], *, optional: Collection[str], mapping: Mapping[str, str]
) -> Signature:
    """Return the signature without the optional outputs that no row has."""
    there = {mapping.get(column, column) for raw in raws for column in raw.values}
    return signature.without_outputs(name for name in optional if name not in there)


def parse_mapping(text: str) -> dict[str, str]:
    """Return what `--map` says, column by column.

    >>> parse_mapping("sentence=text, label=sentiment")
    {'sentence': 'text', 'label': 'sentiment'}
    """
    mapping: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        column, equals, field = (part.strip() for part in pair.rpartition("="))
        if not (column and equals and field) or column in mapping:
            raise DataError(
                f"--map {text!r} cannot be read at {pair!r}. Write column=field pairs with commas between "
                "them and each column once, such as --map sentence=text,label=sentiment."
            )
        mapping[column] = field
    return mapping


def _check_mapping(mapping: Mapping[str, str], signature: Signature) -> None:
    known = [*_names(signature), GROUP]
    fields = list(mapping.values())
    for column, field in mapping.items():
        if field not in known or fields.count(field) > 1:
            problem = "gets two columns" if field in known else "is no field"
            raise DataError(
                f"--map {column}={field}: {field!r} {problem}. The signature {signature.name} has the "
                f"fields {', '.join(_names(signature))}; rows may also have {GROUP!r}."
            )


def _names(signature: Signature) -> list[str]:
    return [field.name for field in (*signature.inputs, *signature.outputs)]


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file {path}. Check the path given as the trainset.") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder. Name one of the files in it.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check who may read it.") from error
    if not data.strip():
        raise DataError(f"{path} is empty. Give it rows; docs/rows.md shows the formats.")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8, byte 0x{data[error.start]:02x} at offset {error.start}. "
            "Save the file as UTF-8."
        ) from None


def _to_row(raw: RawRow, signature: Signature, *, mapping: Mapping[str, str]) -> Row:
    values = _fields(raw, signature, mapping=mapping)
    group = None if GROUP in _names(signature) else values.get(GROUP)
    try:
        return Row(
            {field.name: _checked(field.coerce(values[field.name])) for field in signature.inputs},
            {field.name: _accepted(field, values[field.name]) for field in signature.outputs},
            group="" if group is None else str(group),
        )
    except ValueError as error:
        raise DataError(f"{raw.where}: {error}. Mend the row, or the type in the signature.") from None


def _fields(raw: RawRow, signature: Signature, *, mapping: Mapping[str, str]) -> dict[str, object]:
    """Return the row's values by field; columns that `mapping` replaces are left out."""
    absent = [column for column in mapping if column not in raw.values]
    if absent:
        raise DataError(f"{raw.where}: no column {absent[0]!r} for --map; it has {', '.join(raw.values)}.")
    replaced = set(mapping.values())
    values = {
        mapping.get(column, column): value
        for column, value in raw.values.items()
        if column in mapping or column not in replaced
    }
    names = _names(signature)
    missing = [name for name in names if name not in values]
    unknown = [name for name in values if name not in (*names, GROUP)]
    if missing or (unknown and not raw.is_table):
        problem = f"no field {missing[0]!r}" if missing else f"unknown field {unknown[0]!r}"
        raise DataError(
            f"{raw.where}: {problem}; it has {', '.join(raw.values) or 'none'}. The signature "
            f"{signature.name} has {', '.join(names)}. {_remedy(missing, unknown)}"
        )
    return values


def _remedy(missing: list[str], unknown: list[str]) -> str:
    if not missing:
        return f"Remove {unknown[0]!r}, or rename it with --map {unknown[0]}=FIELD."
    if not unknown:
        return f"Add {missing[0]!r}."
    pairs = ",".join(f"{column}={field}" for column, field in zip(unknown, missing, strict=False))
    return f"If only the names differ, rename them, such as with --map {pairs}."


def _accepted(field: Field, raw: object) -> tuple[Value, ...]:
    """Return the accepted values, the one that a demo shows, the shortest, first."""
    listed = raw if isinstance(raw, list) else [raw]
    if not listed:
        raise ValueError(f"{field.name} has an empty list of accepted values")
    values = tuple(dict.fromkeys(_checked(field.coerce(item)) for item in listed))
    if field.abstains and any(isinstance(value, str) and not value.strip() for value in values):
        raise ValueError(f'{field.name} is empty; write {{"unanswerable": "why"}} where there is no answer')
    if not field.type.is_text:
        return values
    return tuple(sorted(values, key=lambda value: (isinstance(value, Unanswerable), len(str(value)))))


def _checked(value: Value) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    if isinstance(value, str):
        value.encode()  # half of a surrogate pair is a ValueError here, and would be a crash later
    return value


def _grouped(rows: list[Row], signature: Signature) -> list[Row]:
    """Give each row without a group one: the longest input where rows share it, else the row alone."""

    def length(field: Field) -> int:
        return sum(len(str(row.inputs[field.name])) for row in rows)

    longest = max(signature.inputs, key=length).name
    texts = [str(row.inputs[longest]) for row in rows]
    shared = len(signature.inputs) > 1 and len(set(texts)) < len(texts)
    return [
        row if row.group else replace(row, group=content_hash(text) if shared else row.id)
        for row, text in zip(rows, texts, strict=True)
    ]
