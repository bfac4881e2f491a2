"""Match the columns of rows to the fields of a signature."""

import shlex
from collections.abc import Iterable, Mapping, Sequence

from cribsheet.dataset.formats import GROUP, RawRow
from cribsheet.dataset.names import folded, plain_name
from cribsheet.errors import DataError
from cribsheet.signature import Field, Signature
from cribsheet.text import counted

_SAMPLE = 20
"""How many rows are looked at to guess which column belongs to a field."""
_LABELS = frozenset({"label", "labels", "target", "class", "category", "gold", "y", "output"})
"""Common names of columns that hold labels."""
_MOST = 20
"""The most names that a message lists."""


def parse_mapping(text: str) -> dict[str, str]:
    """Parse the value of `--map` into `{column: field}`.

    >>> parse_mapping("sentence=text, label=sentiment")
    {'sentence': 'text', 'label': 'sentiment'}
    """
    mapping: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        column, equals, field = (part.strip() for part in pair.rpartition("="))
        if not (column and equals and field) or column in mapping:
            raise DataError(
                f"--map {text!r} cannot be read at {pair!r}. Write column=field pairs, separated by commas, with "
                "each column once, such as --map sentence=text,label=sentiment."
            )
        mapping[column] = field
    return mapping


def checked_mapping(mapping: Mapping[str, str], signature: Signature) -> dict[str, str]:
    """Return a mapping with normalized column names; DataError if it does not fit the signature."""
    names = _names(signature)
    fields = list(mapping.values())
    plain = {plain_name(column): field for column, field in mapping.items()}
    if len(plain) < len(mapping):
        raise DataError(f"The mapping names a column twice: {', '.join(map(repr, mapping))}. Keep one of the two.")
    for column, field in mapping.items():
        if field not in (*names, GROUP) or fields.count(field) > 1:
            problem = "is not a field" if field not in (*names, GROUP) else "is mapped from two columns"
            raise DataError(
                f"--map {_shown(column)}={field}: {field!r} {problem}. The signature {signature.name} has the "
                f"fields {', '.join(names)}; rows may also have {GROUP!r}. Map at most one column to each."
            )
    return plain


def columns_of(mapping: Mapping[str, str], signature: Signature) -> frozenset[str]:
    """Return the names of the columns that a task reads."""
    replaced = set(mapping.values())
    return frozenset({*mapping, *(name for name in (*_names(signature), GROUP) if name not in replaced)})


def values_of(
    raw: RawRow, signature: Signature, *, mapping: Mapping[str, str], among: Sequence[RawRow]
) -> dict[str, object]:
    """Return the row's values by field name.

    A column that is named like a field is dropped if the mapping takes that field from another column. `among` are
    the rows that an error message looks at: other rows may have the field, or tell which column belongs to it.

    Raises:
        DataError: if a field is missing or unknown.
    """
    absent = [column for column in mapping if column not in raw.values]
    if absent:
        known, others = _listed(raw.values), _others_with(absent[0], among)
        mend = f"{others}. Correct this row: add {absent[0]!r}." if others else "Name one of these."
        raise DataError(f"{raw.where}: {_way(raw)} names the column {absent[0]!r}, but the row has {known}. {mend}")
    replaced = set(mapping.values())
    values = {
        mapping.get(column, column): value
        for column, value in raw.values.items()
        if column in mapping or column not in replaced
    }
    names = _names(signature)
    defaults = [field.name for field in signature.inputs if field.has_default]
    missing = [name for name in names if name not in (*values, *defaults)]
    unknown = [name for name in values if name not in (*names, GROUP)]
    if not missing and (raw.is_table or not unknown):
        return values
    problem = f"no field {missing[0]!r}" if missing else f"unknown field {unknown[0]!r}"
    if missing and missing[0] in mapping:
        problem += f", since its column is mapped to {mapping[missing[0]]!r}"
        mend = f"Also map another column to {missing[0]!r}."
    else:
        pairs = _suggested([signature.field(name) for name in missing], unknown, among[:_SAMPLE])
        mend = _look_alike(missing, unknown)
        own = _suggested([signature.field(name) for name in missing], unknown, [raw])
        mend += _in_this_row(missing, unknown, own, among) or _mend(raw, missing, unknown, pairs)
        mend += _no_header(raw, names)
    raise DataError(
        f"{raw.where}: {problem}; it has {_listed(raw.values)}. The signature {signature.name} has "
        f"{', '.join(names)}. {mend}"
    )


def _names(signature: Signature) -> list[str]:
    return [field.name for field in (*signature.inputs, *signature.outputs)]


def _listed(names: Iterable[str]) -> str:
    """Return a list of names for a message; long names and long lists are cut."""
    shown = list(map(_shown, names))
    more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    return ", ".join(shown[:_MOST]) + more or "none"


def _shown(name: str) -> str:
    return name if _is_short(name) else f"{name[:60]!r}"


def _is_short(name: str) -> bool:
    return name.isprintable() and 0 < len(name) <= 60


def _can_be_mapped(name: str) -> bool:
    return _is_short(name) and "," not in name


def _mend(raw: RawRow, missing: Sequence[str], unknown: Sequence[str], pairs: Mapping[str, str]) -> str:
    if not missing:
        column = unknown[0] if _can_be_mapped(unknown[0]) else "COLUMN"
        return f"Remove {unknown[0]!r}, or rename it with {_mapping(raw, {column: 'FIELD'})}."
    if not unknown:
        return f"Add {missing[0]!r}."
    example = _mapping(raw, pairs or {"COLUMN": missing[0]})
    return f"If only the names differ, map the columns to the fields, for example with {example}."


def _in_this_row(
    missing: Sequence[str], unknown: Sequence[str], pairs: Mapping[str, str], among: Sequence[RawRow]
) -> str:
    """Say how to correct a single row whose names differ from the other rows'; a mapping would not fit those.

    It is empty if no other row differs.
    """
    if not missing:
        having = sum(unknown[0] in row.values for row in among)
        if having == len(among):
            return ""
        return f"{having} of {len(among)} rows {_have(having)} {unknown[0]!r}. Remove it there."
    others = _others_with(missing[0], among)
    if not others:
        return ""
    own = (column for column, field in pairs.items() if field == missing[0])
    meant = next((column for column in own if sum(column in row.values for row in among) == 1), None)
    rename = "" if meant is None else f", or rename {meant!r} to {missing[0]!r}"
    return f"{others}. Correct this row: add {missing[0]!r}{rename}."


def _others_with(column: str, among: Sequence[RawRow]) -> str:
    """Say how many rows have a column that a row lacks; empty if none has."""
    others = sum(column in row.values for row in among)
    return f"{counted(others, 'other row')} {_have(others)} {column!r}" if others else ""


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _way(raw: RawRow) -> str:
    """Return what the user renames columns with: `mapping` in code, `--map` on the command line."""
    return "mapping" if raw.named_by == "code" else "--map"


def _mapping(raw: RawRow, pairs: Mapping[str, str]) -> str:
    if raw.named_by == "code":
        return f"mapping={dict(pairs)!r}"
    return f"--map {shlex.quote(','.join(f'{column}={field}' for column, field in pairs.items()))}"


def _look_alike(missing: Sequence[str], unknown: Sequence[str]) -> str:
    """Name a column that looks like a missing field, such as one in full-width letters."""
    pairs = ((name, column) for name in missing for column in unknown if folded(column) == name.casefold())
    name, column = next(pairs, ("", ""))
    if not column or column.casefold() == name.casefold():  # another case shows by itself
        return ""
    return f"The column {column!r} is {name!r} in other characters, such as full-width ones; write {name!r}. "


def _no_header(raw: RawRow, names: Sequence[str]) -> str:
    is_nowhere = raw.named_by == "header" and not set(map(str.casefold, names)) & set(map(folded, raw.values))
    return f" If the file has no header, add one as its first line: {','.join(names)}." if is_nowhere else ""


def _suggested(missing: Sequence[Field], unknown: Sequence[str], rows: Sequence[RawRow]) -> dict[str, str]:
    """Guess the column of each missing field, in the order of the columns."""
    left, found = list(filter(_can_be_mapped, unknown)), dict[str, str]()
    for field in sorted(missing, key=lambda field: field.type.is_text):  # free text takes any column, so it goes last
        column = _alike(field, left) or _fitting(field, left, rows)
        if column is not None:
            found[column] = field.name
            left.remove(column)
    return {column: found[column] for column in unknown if column in found}


def _alike(field: Field, columns: Sequence[str]) -> str | None:
    return next((column for column in columns if folded(column) == folded(field.name)), None)


def _fitting(field: Field, columns: Sequence[str], rows: Sequence[RawRow]) -> str | None:
    if field.type.is_text:  # prefer a column with several words in a cell
        worded = [column for column in columns if any(" " in str(row.values.get(column)).strip() for row in rows)]
        return next(iter((*worded, *columns)), None)
    fitting = [column for column in columns if all(field.accepts(row.values.get(column)) for row in rows)]
    named = [column for column in columns if field.is_finite and column.casefold() in _LABELS]
    return next(iter((*fitting, *named)), None)
