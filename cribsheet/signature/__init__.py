"""A signature, the typed task, as plain data."""

from cribsheet.signature.field import Field, with_defaults
from cribsheet.signature.signature import REASONING, RESERVED, Signature

__all__ = ["REASONING", "RESERVED", "Field", "Signature", "with_defaults"]
