"""The kinds of value that a field may have."""

from cribsheet.signature.types._base import ValueType, Verbalizer
from cribsheet.signature.types.boolean import Boolean
from cribsheet.signature.types.integer import Integer
from cribsheet.signature.types.label import Label
from cribsheet.signature.types.number import Number
from cribsheet.signature.types.text import Text

TYPES: dict[str, type[ValueType]] = {
    "text": Text,
    "label": Label,
    "boolean": Boolean,
    "integer": Integer,
    "number": Number,
}
"""Every kind of value by its name. To add a kind, add a file to this folder and an entry here."""

__all__ = ["TYPES", "Boolean", "Integer", "Label", "Number", "Text", "ValueType", "Verbalizer"]
