"""Frozen programs, from their file format to running them."""

from cribsheet.frozen.demo_sources import DEMO_SOURCES, DemoSource, Fixed
from cribsheet.frozen.prompt import Decoding, FrozenPrompt
from cribsheet.frozen.provenance import Provenance, Taught
from cribsheet.frozen.results import Constant, Results, Unread
from cribsheet.frozen.schema import FORMAT, FrozenProgram, ModelIdentity, Wire, Wiring
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
