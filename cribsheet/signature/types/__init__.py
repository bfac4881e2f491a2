"""The kinds of value that a field may have."""

from collections.abc import Mapping
from typing import Any

from cribsheet.signature.types._base import SchemaReader, ValueType, Verbalizer, is_taken
from cribsheet.signature.types._grammar import RULES, either, literal
from cribsheet.signature.types._notation import NONE, NOTATIONS
from cribsheet.signature.types.boolean import Boolean
from cribsheet.signature.types.date import Date
from cribsheet.signature.types.date_time import DateTime
from cribsheet.signature.types.decimal_number import Decimal
from cribsheet.signature.types.integer import Integer
from cribsheet.signature.types.label import Label
from cribsheet.signature.types.list import List
from cribsheet.signature.types.mapping import MappingType
from cribsheet.signature.types.number import Number
from cribsheet.signature.types.optional import Optional
from cribsheet.signature.types.record import Member, Record
from cribsheet.signature.types.text import Text
from cribsheet.signature.types.tuple import Tuple
from cribsheet.signature.types.union import Union

TYPES: dict[str, type[ValueType]] = {
    "text": Text,
    "label": Label,
    "boolean": Boolean,
    "integer": Integer,
    "number": Number,
    "decimal": Decimal,
    "date": Date,
    "datetime": DateTime,
    "list": List,
    "tuple": Tuple,
    "mapping": MappingType,
    "record": Record,
    "optional": Optional,
    "union": Union,
}
"""Every kind of value by its name. To add a kind, add a file to this folder and an entry here."""


def type_of_schema(schema: Mapping[str, Any]) -> ValueType:
    """Return the kind of value that a JSON Schema describes.

    Raises:
        KeyError: if there is none.
    """
    found = (kind.from_json_schema(schema, type_of_schema) for kind in TYPES.values())
    own = next((kind for kind in found if kind is not None), None)
    if own is None:
        raise KeyError(f"no kind of value has the JSON Schema {schema!r}")
    return own


__all__ = [
    "NONE",
    "NOTATIONS",
    "RULES",
    "TYPES",
    "Boolean",
    "Date",
    "DateTime",
    "Decimal",
    "Integer",
    "Label",
    "List",
    "MappingType",
    "Member",
    "Number",
    "Optional",
    "Record",
    "SchemaReader",
    "Text",
    "Tuple",
    "Union",
    "ValueType",
    "Verbalizer",
    "either",
    "is_taken",
    "literal",
    "type_of_schema",
]
