"""Frozen programs, from their file format to running them."""

from cribsheet.frozen.demo_sources import DEMO_SOURCES, DemoSource, Fixed
from cribsheet.frozen.schema import (
    FORMAT,
    Constant,
    Decoding,
    FrozenProgram,
    FrozenPrompt,
    ModelIdentity,
    Provenance,
    Results,
    Taught,
    Unread,
    Wire,
    Wiring,
)
from cribsheet.frozen.sealing import read, reseal, save

__all__ = [
    "DEMO_SOURCES",
    "FORMAT",
    "Constant",
    "Decoding",
    "DemoSource",
    "Fixed",
    "FrozenProgram",
    "FrozenPrompt",
    "ModelIdentity",
    "Provenance",
    "Results",
    "Taught",
    "Unread",
    "Wire",
    "Wiring",
    "read",
    "reseal",
    "save",
]
