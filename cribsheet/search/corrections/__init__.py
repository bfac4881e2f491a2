"""The fitters of corrections; each is in a file with the name of its correction in `cribsheet.corrections`."""

from cribsheet.search.corrections._base import Fitter
from cribsheet.search.corrections.calibration import CalibrationFitter
from cribsheet.search.corrections.extraction import NoExtraction

FITTERS: dict[str, Fitter] = {"calibration": CalibrationFitter(), "extraction": NoExtraction()}
"""The fitters that take part in every trial, by kind. Those of guard, readout and pointer need rows or come later."""

__all__ = ["FITTERS", "Fitter"]
