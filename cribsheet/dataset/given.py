"""Read rows that are Python objects: dicts, dspy examples, or a `datasets.Dataset`."""

import datetime
import decimal
import enum
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from itertools import count
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from cribsheet.dataset.formats import RawRow
from cribsheet.dataset.names import doubled, plain_name
from cribsheet.errors import DataError, told
from cribsheet.outcomes import Unanswerable

_MOST_BITS = 14_000
"""The size limit of an integer in bits: Python refuses to print one of more than 4,300 digits."""
_END = object()
_JSONABLE = (BaseModel, datetime.date, decimal.Decimal, set, frozenset)
"""Python types that JSON does not have; pydantic writes their JSON."""
_MEND = "Give a list of dicts, a list of dspy.Example, a datasets.Dataset, or the path of a file."


def given_rows(rows: Iterable[Any], columns: Collection[str], mapped: Collection[str]) -> Iterator[RawRow]:
    """Yield the rows of an iterable of mappings, or of objects that have `keys()` and `[…]` like a mapping.

    Raises:
        DataError: if it is something else, can be iterated only once, or raises while it is read.
    """
    with _reading("The trainset"):
        _check(rows)
        items = iter(rows)
    for number in count(1):
        where = f"row {number} of the trainset"
        with _reading(where):
            item = next(items, _END)
            if item is _END:
                return
            values = _values(item, where)
        _, alike = doubled(list(values), columns, mapped)
        if alike:
            raise DataError(
                f"{where}: of its columns, {' and '.join(map(repr, alike.values()))} differ in case alone. Remove all "
                "but one, rename the others, or say with mapping={…} which one is meant."
            )
        yield RawRow(where, values, is_table=True, named_by="code")


def class_names(rows: object) -> dict[str, Sequence[str]]:
    """Return, for each column of a `datasets.Dataset` that holds the numbers of classes, the classes' names."""
    with _reading("What is known of the trainset's columns, its `features`,"):
        features = getattr(rows, "features", None)
        if not isinstance(features, Mapping):
            return {}
        classes = {column: getattr(feature, "feature", feature) for column, feature in features.items()}
        names = {column: getattr(feature, "names", None) for column, feature in classes.items()}
        return {plain_name(column): [str(name) for name in known] for column, known in names.items() if known}


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Turn whatever the rows raise, which are the user's code, into one message."""
    try:
        yield
    except (DataError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise DataError(f"{what} cannot be read: {told(error)}. Correct the object that yields the rows.") from error


def _check(rows: Any) -> None:
    kind = type(rows).__name__
    if isinstance(rows, Mapping):
        names = ", ".join(map(repr, rows))
        if all(map(_is_column, rows.values())):
            raise DataError(
                f"The trainset is a {kind} of columns, {names}, not a list of rows. Give a list of dicts, such as "
                "[dict(zip(columns, row)) for row in zip(*columns.values())]."
            )
        raise DataError(
            f"The trainset is a {kind} with the keys {names}, not a list of rows. Give one of its values, or a list of "
            "dicts."
        )
    if way := _way_to_rows(rows):
        raise DataError(f"The trainset is a {kind}, which does not iterate over rows as dicts. Give its {way}.")
    if isinstance(rows, Iterator):
        raise DataError(f"The trainset is a {kind}, which can be read only once. Put its rows into a list.")
    if not (isinstance(rows, Iterable) or hasattr(rows, "__getitem__")):
        raise DataError(f"The trainset is {rows!r}, which cannot be iterated over. {_MEND}")


def _is_column(values: Any) -> bool:
    """Return whether values are those of a column instead of the rows of a split."""
    return isinstance(values, list | tuple) and not isinstance(next(iter(values), {}), Mapping)


def _way_to_rows(table: Any) -> str:
    """Return what gives the rows of a table of another package as dicts; empty if it is no such table."""
    if hasattr(table, "iloc") and hasattr(table, "to_dict"):  # pandas
        return '.to_dict("records")' if hasattr(table, "columns") or not hasattr(table, "to_frame") else ".tolist()"
    if hasattr(table, "to_pylist"):  # pyarrow
        return ".to_pylist()"
    if hasattr(table, "collect_schema") or hasattr(table, "to_dicts"):  # polars
        return ".to_dicts()" if hasattr(table, "to_dicts") else ".collect().to_dicts()"
    return ""


def _values(row: Any, where: str) -> dict[str, object]:
    if hasattr(row, "columns") and _way_to_rows(row):
        raise DataError(
            f"{where}: it is a {type(row).__name__}, not a mapping of columns to values. Give a datasets.Dataset as "
            "its .with_format(None), or else a list of dicts."
        )
    if not (hasattr(row, "keys") and hasattr(row, "__getitem__")):
        raise DataError(f"{where}: {str(row)[:60]!r} is not a mapping of columns to values. {_MEND}")
    names = list(row.keys())
    values = {plain_name(name): plain_value(row[name]) for name in names}
    if len(values) < len(names):
        raise DataError(
            f"{where}: two of its columns {', '.join(map(repr, names))} have the same name. Keep one of them."
        )
    return values


def plain_value(value: Any) -> object:
    """Convert a value to plain Python, as JSON would hold it: an Enum to its value, numpy arrays to lists."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise ValueError(f"an integer of {value.bit_length()} bits, which Python cannot print")
    if isinstance(value, enum.Enum):
        return value.value
    if (isinstance(value, _JSONABLE) and not isinstance(value, Unanswerable)) or is_dataclass(value):
        return to_jsonable_python(value, by_alias=False, round_trip=True)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): plain_value(item) for name, item in value.items()}
    if isinstance(value, str):
        return str(value)
    repr(value)  # a message may have to show it, so one that cannot be shown is told with its row
    return value
