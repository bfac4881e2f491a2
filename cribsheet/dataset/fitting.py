"""Convert the values of rows to the types of a signature."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cribsheet.dataset.columns import values_of
from cribsheet.dataset.examples import Row
from cribsheet.dataset.formats import GROUP, RawRow
from cribsheet.dataset.formats.cells import literal
from cribsheet.dataset.formats.squad import accepted_texts
from cribsheet.dataset.labels import written
from cribsheet.errors import DataError
from cribsheet.outcomes import UNANSWERABLE, Unanswerable, Value, is_absent, texts_in, to_json
from cribsheet.signature import Field, Signature, with_defaults
from cribsheet.signature.types import ValueType
from cribsheet.text import check_characters, is_blank

_WHOLE = re.compile(r"-?\d{1,9}")
_LONG = 400
"""The most characters of an error about a value that a message shows."""
_SHOWN = 6
"""The most values that a message lists."""
_ABSENT = frozenset({"none", "null", "nan", "n/a", "na", "no answer", "not answerable", "impossible", "-"})
"""What people write for an answer that is not there."""
_SAY_NONE = (
    f'Write {UNANSWERABLE}, or {{"{UNANSWERABLE}": "why"}}, if there is no answer. If it is the very answer, write '
    'the rows as JSONL, with a list of one text such as ["None"].'
)
_MEND = "Correct the row, or change the type in the signature."
_ALLOW = "Fill it in, or remove the row. If it is meant to be empty, use --allow-empty (in Python, allow_empty=True)."


@dataclass(frozen=True)
class Fitting:
    """Converts raw rows to rows of a signature."""

    signature: Signature
    rows: Sequence[RawRow]
    """All raw rows; an error message about one row looks at the others to say what is wrong."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Which field a column holds, if the names differ: `{column: field}`."""
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The class names of each field whose column holds class numbers (as a `ClassLabel` of `datasets` does)."""
    allow_empty: bool = False
    """Whether a text may be empty."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The label that a value stands for, by the value as `labels.written` writes it."""

    def row(self, raw: RawRow) -> Row:
        """Return the typed row.

        Raises:
            DataError: if it does not fit the signature; the message names the line, the value and what to do.
        """
        values = with_defaults(
            self.signature.inputs, values_of(raw, self.signature, mapping=self.mapping, among=self.rows)
        )
        names = [one.name for one in (*self.signature.inputs, *self.signature.outputs)]
        group = None if GROUP in names else values.get(GROUP)
        place = raw.where
        return Row(
            {one.name: self._given(one, _said(one, values[one.name], raw), place) for one in self.signature.inputs},
            {one.name: self._accepted(one, _said(one, values[one.name], raw), raw) for one in self.signature.outputs},
            group="" if group is None else _group(group, place),
            where=place,
        )

    def _given(self, one: Field, raw: object, where: str) -> Value:
        try:
            return self._checked(one, one.coerce(self._named(one, raw)))
        except ValueError as error:
            raise DataError(f"{where}: {_shortened(str(error))}. {self._mend(one, raw, error)}") from None

    def _accepted(self, one: Field, raw: object, row: RawRow) -> tuple[Value, ...]:
        """Return the accepted values; of texts, the shortest comes first, because demos show the first one."""
        where = row.where
        if row.named_by == "header" and one.type.is_text and _is_list(raw):
            raise DataError(
                f"{where}: {one.name} is a list as text, {_shortened(str(raw), 60)!r}. Write the rows as JSONL: there, "
                "a list holds the accepted answers, and a text in quotes is one answer."
            )
        if one.abstains and one.type.is_text and (rows := self._rows_without(one, raw)) > 1:
            raise DataError(f"{where}: {one.name} is {raw!r}, in {rows} rows, which would be a text. {_SAY_NONE}")
        is_value = one.type.is_structured and self._takes(one, raw)  # else a list holds several accepted values
        listed = raw if isinstance(raw, list) and not is_value else [raw]
        if one.type.is_text and (texts := accepted_texts(raw)) is not None and raw != []:
            listed = texts or [{UNANSWERABLE: None}]
        if not listed:
            raise DataError(f"{where}: {one.name} has an empty list of accepted values. {_MEND}")
        if one.type.is_structured and listed is raw and not any(self._takes(one, item) for item in raw):
            listed = [raw]  # none of its items is a value by itself, so it is meant as one value and is wrong
        values = _distinct(self._given(one, item, where) for item in listed)
        if not one.type.is_text:
            return values
        return tuple(sorted(values, key=lambda value: (is_absent(value), len(str(value)))))

    def _rows_without(self, one: Field, raw: object) -> int:
        """Return how many rows have a word that people write for no answer, if it is one."""
        word = raw.strip().casefold() if isinstance(raw, str) else ""
        if word not in _ABSENT:
            return 0
        return sum(isinstance(value, str) and value.strip().casefold() == word for value in self._all_values(one))

    def _named(self, one: Field, raw: object) -> object:
        """Return a value with the labels that it, or each item of it, stands for."""
        kind = one.type.labelled
        if kind is None or kind is one.type:
            return self._label(one, kind, raw)
        items = literal(raw) if isinstance(raw, str) else raw
        return [self._named(one, item) for item in items] if isinstance(items, list) else self._label(one, kind, raw)

    def _takes(self, one: Field, raw: object) -> bool:
        return one.accepts(self._named(one, raw))

    def _label(self, one: Field, kind: ValueType | None, raw: object) -> object:
        """Return the label that a value stands for: the user's, or else the class name of a class number.

        A class number that is itself a valid value of the kind stays as it is.
        """
        if kind and isinstance(raw, str | int | float) and (label := self.labels.get(written(raw))):
            return Unanswerable() if one.abstains and label == UNANSWERABLE else label
        names = self.classes.get(one.name, ())
        is_value = one.accepts(raw) if kind is None else kind.accepts(raw)
        return names[raw] if isinstance(raw, int) and 0 <= raw < len(names) and not is_value else raw

    def _checked(self, one: Field, value: Value) -> Value:
        """Return the value; ValueError if it would cause trouble later, such as an empty text."""
        for text in texts_in(value):
            check_characters(one.name, text)
        is_default = one.has_default and value == one.default
        if isinstance(value, str) and one.type.is_text and is_blank(value) and not is_default:
            if one.abstains:
                way = "null if it has no value" if one.optional else '{"unanswerable": "why"} if there is no answer'
                raise ValueError(f"{one.name} is empty; write {way}")
            if not self.allow_empty:
                raise _EmptyError(f"{one.name} is empty")
        return value

    def _mend(self, one: Field, raw: object, error: ValueError) -> str:
        """Return the sentence that tells the user what to do about a bad value."""
        if isinstance(error, _EmptyError):
            return _ALLOW
        if raw != raw:  # only NaN is not itself
            return "NaN is how pandas writes an empty cell. Leave such rows out, or fill the cells."
        if one.type.is_text and isinstance(raw, int | float):
            return "Put it in quotes if it is a text; otherwise change the type in the signature."
        if not one.is_finite or one.accepts(raw):
            return _MEND
        wrong = [value for value in self._all_values(one) if not one.accepts(self._named(one, value))]
        counts = Counter(_shortened(repr(value), 40) for value in wrong)
        told = ", ".join(f"{value} in {rows} row{'s' * (rows > 1)}" for value, rows in counts.most_common(_SHOWN))
        more = f", and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
        if wrong and all(map(_is_number, wrong)) and not any(map(_is_number, one.closed_outcomes)):
            numbers, labels = sorted({int(str(value)) for value in wrong}), one.closed_outcomes
            if numbers[0] >= 0 and numbers[-1] < len(labels):
                named = {number: labels[number] for number in numbers[:_SHOWN]}
            else:
                named = dict(zip(numbers, labels[:_SHOWN], strict=False))
            pairs = ",".join(f"{number}={label}" for number, label in named.items())
            way = f"labels={named!r}" if self.rows[0].named_by == "code" else f"--labels {pairs}"
            return (
                f"The labels are words, but the rows have numbers ({told}{more}). Say which label each number means, "
                f"as in {way}, or declare the numbers as the labels."
            )
        others = f" Values in the rows that are not labels: {told}{more}." if len(wrong) > 1 else ""
        return f"{_MEND}{others}"

    def _all_values(self, one: Field) -> list[object]:
        """Return all values that the rows have for a field; a list of accepted values counts as several."""
        column = next((column for column, name in self.mapping.items() if name == one.name), one.name)
        values = [raw.values[column] for raw in self.rows if column in raw.values]
        return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _said(one: Field, raw: object, row: RawRow) -> object:
    """Return `Unanswerable` for the outcome's own word, and for an empty cell of a table or the null of its JSON."""
    if not (one.abstains and isinstance(raw, str)):
        return raw
    is_null = one.optional and one.type.is_structured and not one.type.may_be_text and raw.strip() == "null"
    is_absent_cell = row.named_by == "header" and (is_blank(raw) or is_null)
    return Unanswerable() if is_absent_cell or raw.strip().casefold() == UNANSWERABLE else raw


def _distinct(values: Iterable[Value]) -> tuple[Value, ...]:
    """Return the values without repetitions; lists and records cannot be hashed, so their JSON is compared."""
    return tuple({json.dumps(to_json(value), sort_keys=True): value for value in reversed([*values])}.values())[::-1]


class _EmptyError(ValueError):
    """A text without any visible character."""


def _is_list(raw: object) -> bool:
    """Tell whether a cell holds a list of texts as JSON or Python writes it."""
    if not (isinstance(raw, str) and raw.strip().startswith(("[", "array("))):
        return False
    value = literal(raw)
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | str) and _WHOLE.fullmatch(str(value).strip()) is not None


def _group(value: object, where: str) -> str:
    try:
        group = str(value)
        check_characters(GROUP, group)
    except ValueError as error:
        raise DataError(f"{where}: {error}. {_MEND}") from None
    return group


def _shortened(text: str, limit: int = _LONG) -> str:
    """Cut the middle out of a long text."""
    return text if len(text) <= limit else f"{text[: limit * 2 // 3]}…{text[-limit // 3 :]}"
