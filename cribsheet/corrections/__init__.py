"""Corrections, which change a model's raw answer into the final one at run time."""

from cribsheet.corrections._base import Answer, Asked, Change, Correction, Evidence, Need, Outputs, corrected, to_apply
from cribsheet.corrections.calibration import Calibration
from cribsheet.corrections.extraction import Extraction
from cribsheet.corrections.guard import Guard
from cribsheet.corrections.pointer import Pointer
from cribsheet.corrections.readout import Readout

CORRECTIONS: dict[str, type[Correction]] = {
    "calibration": Calibration,
    "readout": Readout,
    "pointer": Pointer,
    "extraction": Extraction,
    "guard": Guard,
}
"""Every correction by its kind, in the order in which corrections are applied."""

__all__ = [
    "CORRECTIONS",
    "Answer",
    "Asked",
    "Calibration",
    "Change",
    "Correction",
    "Evidence",
    "Extraction",
    "Guard",
    "Need",
    "Outputs",
    "Pointer",
    "Readout",
    "corrected",
    "to_apply",
]
