"""The typed task as plain data."""

from cribsheet.signature.signature import REASONING, RESERVED, Field, Kind, Signature

__all__ = ["REASONING", "RESERVED", "Field", "Kind", "Signature"]
